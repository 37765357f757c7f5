# The capability "bandwidth".
find_package(Threads REQUIRED)
trestle_netns_test(shape
  SOURCES shape.cpp shape_rate.cpp
  LIBS nat_guest @net @base Threads::Threads PLUGIN ALONE)
