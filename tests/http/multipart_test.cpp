// SPDX-License-Identifier: Apache-2.0
// Forms with files, as a server sees them.
#include <doctest/doctest.h>

#include <string>

#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"

namespace tidegate::test {
namespace {

std::string boundary_of(const Multipart& form) {
  const std::string type = form.content_type();
  return "--" + type.substr(type.find('=') + 1);
}

TEST_CASE("AFormIsItsPartsInTheirOrderEachAsItWasGiven") {
  Multipart form;
  form.field("make", "Audi")
      .file("photo", "a4.jpg", std::string_view("\xFF\0\r\n", 4), "image/jpeg");
  form.part("note", std::nullopt, "{}", "application/json").field("make", "");
  const std::string mark = boundary_of(form);
  CHECK(form.status().ok());
  CHECK(form.body().view() ==
        mark + "\r\nContent-Disposition: form-data; name=\"make\"\r\n\r\nAudi\r\n" + mark +
            "\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a4.jpg\"\r\n"
            "Content-Type: image/jpeg\r\n\r\n" +
            std::string("\xFF\0\r\n", 4) + "\r\n" + mark +
            "\r\nContent-Disposition: form-data; name=\"note\"\r\n"
            "Content-Type: application/json\r\n\r\n{}\r\n" +
            mark + "\r\nContent-Disposition: form-data; name=\"make\"\r\n\r\n\r\n" + mark +
            "--\r\n");
  CHECK(Multipart().content_type() != Multipart().content_type());
  CHECK(form.content_type().size() < std::string("multipart/form-data; boundary=").size() + 70);
}

TEST_CASE("NoNameBeginsAFieldOfItsOwn [H1]") {
  Multipart form;
  form.file("a\"; x=\"\r\nX-Evil: 1\r\n\r\n", "\xC3\xA4\n\".txt", "");
  const std::string body(form.body().view());
  CHECK(body.find("name=\"a%22; x=%22%0D%0AX-Evil: 1%0D%0A%0D%0A\"; filename=\"\xC3\xA4%0A%22.txt\""
                  "\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--") != std::string::npos);
}

TEST_CASE("ATypeThatIsNoFieldsValueRefusesTheRequestBeforeAnythingIsOpened") {
  ScriptedHttp server;
  const Client http(patient("multipart-type"));
  Multipart form;
  form.file("a", "b", "c", "text/plain\r\nX-Evil: hunter2").field("d", "e");
  CHECK(form.status().cause() == Cause::kBadArgument);
  const auto refused = http.post(server.url("/")).body(form).start().wait();
  CHECK(refused.status().cause() == Cause::kBadArgument);
  CHECK(refused.status().message().find("hunter2") == std::string_view::npos);
  CHECK(server.accepted() == 0);
}

TEST_CASE("AFormIsSentWholeAndAgainWhereTheFirstAttemptFails") {
  ScriptedHttp server({{"/busy", [](ScriptedHttp::Peer& peer, const ScriptedHttp::Request&) {
                          if (peer.requests() > 1) return peer.answer("taken");
                          peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
                        }}});
  const Client http(patient("multipart"));
  Multipart form;
  form.field("make", "Audi").file("photo", "a.bin", std::string(100'000, 'x'));
  const auto response = http.post(server.url("/busy")).body(form).idempotent(true).start().wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  CHECK(response->text() == "taken");
  CHECK(server.last().body == form.body().view());
  CHECK(server.last().has("Content-Type: " + form.content_type() + "\r\n"));
}

}  // namespace
}  // namespace tidegate::test
