# The store through the verbs: damage, disks, reboots.
trestle_netns_test(store SOURCES store_damage.cpp store_disk.cpp store_reboot.cpp LIBS verbs_node PLUGIN)
