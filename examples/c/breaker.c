// SPDX-License-Identifier: Apache-2.0
//
// A service goes down. After five failures in a row it is left alone, and whoever wants it hears at
// once when to come again.
#define TIDEGATE_API_UNSTABLE

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <tidegate/c.h>

// Says what is wrong and ends the program.
static void die(const char *doing, tidegate_error *error) {
  fprintf(stderr, "%s: %s\n", doing, tidegate_error_message(error));
  tidegate_error_free(error);
  exit(1);
}

// The service, which is down from its third call on.
static int asked;
static tidegate_cause ask(void) {
  return ++asked < 3 ? TIDEGATE_CAUSE_NONE : TIDEGATE_CAUSE_CONNECT;
}

int main(void) {
  tidegate_config *config;
  tidegate_breaker *breaker;
  tidegate_error *error;
  int refused = 0;

  tidegate_log_set_level(TIDEGATE_LOG_ERROR);  // it would say when it opens
  if (tidegate_config_create(&config, &error)) die("config", error);
  if (tidegate_config_load_json(config, "{\"breaker\": {\"consecutive\": 5}}", &error))
    die("config", error);
  if (tidegate_breaker_create(config, "encar", &breaker, &error)) die("breaker", error);
  tidegate_config_destroy(config);

  for (int i = 0; i < 100; ++i) {
    tidegate_breaker_permit *permit;
    int64_t retry_after_ms;
    if (tidegate_breaker_enter(breaker, &permit, &retry_after_ms, NULL) == TIDEGATE_OK) {
      tidegate_breaker_leave(permit, ask());
    } else if (retry_after_ms > 0) {
      ++refused;
    }
  }

  tidegate_breaker_counts counts = TIDEGATE_BREAKER_COUNTS_INIT;
  if (tidegate_breaker_stats(breaker, &counts, &error)) die("stats", error);
  printf("asked %d, refused %d: %s\n", asked, refused, tidegate_breaker_state_name(counts.state));
  tidegate_breaker_destroy(breaker);
  return 0;
}
