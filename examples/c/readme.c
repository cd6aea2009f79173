#define TIDEGATE_API_UNSTABLE
#include <stdio.h>
#include <tidegate/c.h>
int main(int argc, char **argv) {
  const char *sql = "WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT * FROM n) SELECT sum(1) FROM n";
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_executor *ex;
  tidegate_op *ops[2];
  tidegate_executor_create(NULL, &ex, NULL);
  tidegate_executor_add_sqlite(ex, "db", argc > 1 ? argv[1] : ":memory:", NULL, NULL);
  tidegate_page_create(18000, &options.page, NULL);  // no call outlives its page
  tidegate_executor_query(ex, "db", "SELECT 'Audi' AS make", NULL, &options, &ops[0], NULL);
  options.timeout_ms = 200;
  options.use_fallback = 1;  // no rows
  tidegate_executor_query(ex, "db", sql, NULL, &options, &ops[1], NULL);
  tidegate_page_wait(options.page, -1);  // 0.2 s: both have ended, and the endless one has stopped
  for (int i = 0; i < 2; ++i) {
    tidegate_answer answer = TIDEGATE_ANSWER_INIT;
    if (tidegate_op_answer(ops[i], &answer, NULL) != TIDEGATE_OK) return 1;
    printf("%s after %.1f ms\n", tidegate_source_name(answer.source), (double)answer.ran_ns / 1e6);
    tidegate_op_release(ops[i]);
  }
  tidegate_page_destroy(options.page);
  tidegate_executor_destroy(ex);
}
