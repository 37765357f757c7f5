// The precompiled header of the tests needs a program that it is made for (test/CMakeLists.txt).
int main() {}
