# What hostile, clumsy and forgetful hands do to a node: faults that once stood open.
trestle_netns_test(faults SOURCES faults_subnets.cpp faults_lost.cpp faults_upgrade.cpp LIBS verbs_node @engine @store @plan @net @base PLUGIN)
