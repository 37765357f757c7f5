trestle_unit_test(overlay SOURCES overlay/desired_test.cpp overlay/frr_test.cpp LIBS @overlay @modes @config @plan @ipam @net @base)
