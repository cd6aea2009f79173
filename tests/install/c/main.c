#include <stdio.h>

#define TIDEGATE_API_UNSTABLE
#include <tidegate/c.h>

int main(void) {
  printf("C %s\n", tidegate_version());
  return 0;
}
