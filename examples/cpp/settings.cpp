// SPDX-License-Identifier: Apache-2.0
//
// Settings: from a file and the environment, in code, and as one named service sees them. What is
// wrong is named, and changes nothing.
#include <iostream>
#include <tidegate/tidegate.hpp>

int main() {
  tidegate::Config config;  // the defaults
  tidegate::Status status = config.load_file("tidegate.json");
  if (status.ok()) status = config.load_env();
  if (!status.ok()) std::cerr << status.to_string() << '\n';
  for (const tidegate::Finding& finding : tidegate::lint(config, tidegate::expected_workers())) {
    std::cerr << (finding.refuses ? "refused: " : "warning: ") << finding.to_string() << '\n';
  }

  std::cout << config.set("executor.queu", "200").message() << '\n';
  std::cout << config.set("executor.queue", "abc").message() << '\n';

  if (!config.set("executor.queue", "200").ok()) return 1;
  if (!config.load_json(R"({"services": {"encar": {"sqlite": {"concurrency": 2}}}})").ok())
    return 1;
  tidegate::Service encar = tidegate::Service::from(config, "encar");
  encar.integer("sqlite.concurrency");  // 2
  tidegate::Executor ex(tidegate::ExecutorOptions::from(config));
  auto db = ex.sqlite(":memory:", tidegate::SqliteOptions::from(encar).name("encar"));
  std::cout << "encar: " << encar.integer("sqlite.concurrency") << " queries at once, "
            << tidegate::format_duration(encar.duration("executor.query_timeout")) << " each, "
            << "SQLite answers " << (db.query("SELECT 1").start().wait().ok() ? "yes" : "no")
            << '\n';
}
