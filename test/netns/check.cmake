# CHECK, STATUS and repair against a foreign hand.
trestle_netns_test(check SOURCES check_changes.cpp check_tolerance.cpp LIBS verbs_node PLUGIN)
