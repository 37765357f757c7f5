# Many calls at once.
find_package(Threads REQUIRED)
trestle_netns_test(parallel SOURCES parallel_storm.cpp LIBS verbs_node Threads::Threads PLUGIN ALONE)
