// Nothing: the precompiled header of the tests needs a source that it is made for (test/CMakeLists.txt).
