// SPDX-License-Identifier: Apache-2.0
#include "support/tls_server.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "net/descriptor.hpp"

namespace tidegate::test {

namespace {

// Runs openssl; its output goes to `output`, where that is one.
pid_t start_openssl(std::vector<std::string> arguments, int output, const std::string& directory) {
  std::vector<char*> raw;
  arguments.insert(arguments.begin(), "openssl");
  for (std::string& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::chdir(directory.c_str()) != 0) ::_exit(127);
  const int nowhere = ::open("/dev/null", O_RDWR);
  ::dup2(nowhere, STDIN_FILENO);
  ::dup2(output >= 0 ? output : nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  ::execvp("openssl", raw.data());
  ::_exit(127);
}

}  // namespace

TlsCertificate::TlsCertificate(const std::string& names, const std::string& password) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tidegate-tls-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  std::vector<std::string> make = {"req",      "-x509",
                                   "-newkey",  "ec",
                                   "-pkeyopt", "ec_paramgen_curve:prime256v1",
                                   "-keyout",  key(),
                                   "-out",     file(),
                                   "-days",    "2",
                                   "-subj",    "/CN=test",
                                   "-addext",  "subjectAltName=" + names,
                                   "-passout", "pass:" + password};
  if (password.empty()) make.emplace_back("-nodes");
  int status = -1;
  REQUIRE(::waitpid(start_openssl(std::move(make), -1, directory_), &status, 0) > 0);
  REQUIRE(status == 0);
}

TlsCertificate::~TlsCertificate() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

TlsServer::TlsServer(const std::string& names, std::vector<std::string> more_arguments)
    : certificate_(names) {
  int pipe[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  const internal::Descriptor reading(pipe[0]);
  std::vector<std::string> serve = {"s_server",    "-accept", "127.0.0.1:0",      "-cert",
                                    certificate(), "-key",    certificate_.key(), "-www"};
  serve.insert(serve.end(), more_arguments.begin(), more_arguments.end());
  process_ = start_openssl(std::move(serve), pipe[1], directory());
  ::close(pipe[1]);
  const std::string_view accepts = "ACCEPT 127.0.0.1:";
  std::string said;
  for (char byte = 0; ::read(reading.get(), &byte, 1) == 1;) {
    said.push_back(byte);
    const std::size_t at = said.find(accepts);
    if (byte != '\n' || at == std::string::npos) continue;
    std::from_chars(said.data() + at + accepts.size(), said.data() + said.size(), port_);
    break;
  }
  REQUIRE_MESSAGE(port_ != 0, said);
}

TlsServer::~TlsServer() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    (void)::waitpid(process_, nullptr, 0);
  }
}

}  // namespace tidegate::test
