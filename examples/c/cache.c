// SPDX-License-Identifier: Apache-2.0
//
// A cache in an event loop of the program's own: no thread waits for the backend. A loader hands
// its load to the loop and returns; the loop answers the load when the backend has, and hears of
// the ends of its operations by the same poll(). Then the backend goes down, and what is too old
// is served all the same.
#define TIDEGATE_API_UNSTABLE

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <tidegate/c.h>
#include <unistd.h>

// Says what is wrong and ends the program.
static void die(const char *doing, tidegate_error *error) {
  fprintf(stderr, "%s: %s (%s)\n", doing, tidegate_error_message(error),
          tidegate_error_name(error));
  tidegate_error_free(error);
  exit(1);
}

// The backend, as the loop sees it.
static int asked;
static int is_down;

// What goes through the pipe that leads from the cache to the loop.
struct Letter {
  tidegate_load *load;
};

// On a thread of the cache: `user` is the end of the pipe.
static void hand_over(tidegate_load *load, void *user) {
  const struct Letter letter = {load};
  tidegate_load_retain(load);
  if (write(*(int *)user, &letter, sizeof letter) != sizeof letter) {
    tidegate_load_fail(load, TIDEGATE_CAUSE_LOCAL_RESOURCE, "the pipe is full");
    tidegate_load_release(load);
  }
}

// In the loop: here the backend would be asked, and this called when it has answered.
static void answer(tidegate_load *load) {
  if (is_down) {
    tidegate_load_fail(load, TIDEGATE_CAUSE_ENGINE_UNAVAILABLE, "the backend is down");
  } else {
    char text[32];
    tidegate_error *error;
    tidegate_bytes *price;
    const int size = snprintf(text, sizeof text, "price %d", ++asked);
    if (tidegate_bytes_create(text, (size_t)size, &price, &error)) die("price", error);
    if (asked == 2) tidegate_load_set_ttl_ms(load, 0);  // it is old as soon as it is here
    tidegate_load_succeed(load, price);
    tidegate_bytes_release(price);
  }
  tidegate_load_release(load);
}

static tidegate_cache *cache;
static tidegate_queue *queue;
static int from_cache, to_loop;

static tidegate_op *ask(const char *key) {
  tidegate_error *error;
  tidegate_op *op;
  if (tidegate_cache_get_or_load(cache, key, hand_over, &to_loop, NULL, NULL, &op, &error)) {
    die(key, error);
  }
  tidegate_queue_add(queue, op, 0, NULL);
  return op;
}

// The loop, until so many operations have ended.
static void run_until(size_t ended) {
  struct pollfd watched[] = {{tidegate_queue_fd(queue), POLLIN, 0}, {from_cache, POLLIN, 0}};
  while (ended > 0 && poll(watched, 2, -1) > 0) {
    struct Letter letter;
    tidegate_event event;
    if ((watched[1].revents & POLLIN) && read(from_cache, &letter, sizeof letter) > 0) {
      answer(letter.load);
    }
    while (tidegate_queue_next(queue, &event, 1) == 1) {
      tidegate_op_release(event.op);
      --ended;
    }
  }
}

static void show(const char *when, tidegate_op *op) {
  tidegate_answer how = TIDEGATE_ANSWER_INIT;
  tidegate_error *why = NULL;
  tidegate_bytes *price;
  if (tidegate_op_bytes(op, &price, &why) == TIDEGATE_OK) {
    tidegate_op_answer(op, &how, NULL);
    printf("%s: %s, %s", when, tidegate_bytes_data(price), tidegate_source_name(how.source));
    why = tidegate_op_reason(op);
    if (how.degraded) printf(", because %s", tidegate_error_name(why));
    printf("\n");
    tidegate_bytes_release(price);
  } else {
    printf("%s: %s\n", when, tidegate_error_name(why));
  }
  tidegate_error_free(why);
  tidegate_op_release(op);
}

static void ask_and_show(const char *when, const char *key) {
  tidegate_op *op = ask(key);
  run_until(1);
  show(when, op);
}

int main(void) {
  tidegate_error *error;
  tidegate_config *config;
  int ends[2];
  if (pipe(ends) != 0) return 1;
  from_cache = ends[0];
  to_loop = ends[1];
  if (tidegate_queue_create(&queue, &error)) die("queue", error);
  if (tidegate_config_create(&config, &error)) die("config", error);
  if (tidegate_config_set(config, "services.prices.cache.ttl", "5m", &error)) die("ttl", error);
  if (tidegate_cache_create(config, "prices", &cache, &error)) die("cache", error);
  tidegate_config_destroy(config);

  tidegate_op *first = ask("audi"), *second = ask("audi");
  run_until(2);
  tidegate_op_release(first);
  tidegate_op_release(second);
  printf("two at once asked the backend %d time\n", asked);
  ask_and_show("afterwards", "audi");

  tidegate_cache_invalidate(cache, "audi", 0, NULL, NULL);
  ask_and_show("forgotten", "audi");

  is_down = 1;
  ask_and_show("down", "audi");
  ask_and_show("down, never seen", "bmw");

  tidegate_cache_destroy(cache);
  tidegate_queue_destroy(queue);
  return 0;
}
