#include <iostream>
#include <tidegate/version.hpp>

int main() {
  std::cout << "C++ " << tidegate::version() << '\n';
  return 0;
}
