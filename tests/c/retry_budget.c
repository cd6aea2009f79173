/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "check.h"

static tidegate_retry_budget *budget_of(double share, double holds) {
  tidegate_retry_budget *budget = NULL;
  CHECK_OK(tidegate_retry_budget_create(share, 0, holds, &budget, NULL));
  return budget;
}

static void a_budget_gives_what_it_has_and_what_calls_bring(void) {
  tidegate_retry_budget *budget = budget_of(0.5, 2);
  CHECK(tidegate_retry_budget_left(budget) == 2);
  CHECK(tidegate_retry_budget_try_take(budget) == 1);
  CHECK(tidegate_retry_budget_try_take(budget) == 1);
  CHECK(tidegate_retry_budget_try_take(budget) == 0);
  tidegate_retry_budget_call(budget);
  CHECK(tidegate_retry_budget_try_take(budget) == 0);
  tidegate_retry_budget_call(budget);
  CHECK(tidegate_retry_budget_try_take(budget) == 1);
  tidegate_retry_budget_destroy(budget);
  CHECK(tidegate_retry_budget_try_take(budget) == 0);
  CHECK(tidegate_retry_budget_left(NULL) == 0);
  tidegate_retry_budget_call(NULL);
  tidegate_retry_budget_destroy(NULL);
}

static void numbers_below_zero_and_no_numbers_are_refused(void) {
  tidegate_retry_budget *budget = NULL;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_retry_budget_create(-1, 0, 1, &budget, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_retry_budget_create(0, NAN, 1, &budget, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_retry_budget_create(0, 0, 1, NULL, NULL));
  CHECK(budget == NULL);
}

/* Nobody listens at port 1 of this machine: every attempt fails at once. */
static int attempts_of(tidegate_client *client) {
  tidegate_op *op = NULL;
  tidegate_error *error = NULL;
  int attempts;
  CHECK_OK(tidegate_client_get(client, "http://127.0.0.1:1/", NULL, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK(tidegate_op_status(op, &error) != TIDEGATE_OK);
  attempts = (int)tidegate_error_attempts(error);
  tidegate_error_free(error);
  tidegate_op_release(op);
  return attempts;
}

static void clients_of_one_budget_try_again_no_more_often_than_it_has(void) {
  tidegate_retry_budget *budget = budget_of(0, 3);
  tidegate_client *one = NULL, *two = NULL;
  tidegate_config *config = NULL;
  tidegate_client_options options = TIDEGATE_CLIENT_OPTIONS_INIT;
  options.budget = budget;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_load_json(config, "{\"retry\": {\"attempts\": 3, \"backoff\": \"0s\"}}",
                                     NULL));
  CHECK_OK(tidegate_client_create_with(config, "one", &options, &one, NULL));
  CHECK_OK(tidegate_client_create_with(config, "two", &options, &two, NULL));
  CHECK(attempts_of(one) == 3);
  CHECK(attempts_of(two) == 2);
  CHECK(attempts_of(one) == 1);
  tidegate_retry_budget_destroy(budget);
  CHECK(attempts_of(two) == 1);
  tidegate_client_destroy(one);
  tidegate_client_destroy(two);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_client_create_with(config, "none", &options, &one, NULL));
  CHECK(one == NULL);
  tidegate_config_destroy(config);
}

int main(void) {
  a_budget_gives_what_it_has_and_what_calls_bring();
  numbers_below_zero_and_no_numbers_are_refused();
  clients_of_one_budget_try_again_no_more_often_than_it_has();
  return finish();
}
