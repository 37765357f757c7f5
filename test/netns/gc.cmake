# What nobody deletes: GC, lost stores, pods that go without a DEL.
trestle_netns_test(gc SOURCES gc_lost.cpp gc_valid.cpp LIBS verbs_node PLUGIN)
