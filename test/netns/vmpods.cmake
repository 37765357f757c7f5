find_package(Threads REQUIRED)
trestle_netns_test(vm_pods SOURCES vm_pods.cpp LIBS nat_guest Threads::Threads @net @base PLUGIN)
