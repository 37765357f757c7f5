trestle_unit_test(modes SOURCES modes_guests_test.cpp modes_nat_test.cpp modes_tap_test.cpp LIBS @modes @config @cni @plan @ipam @net @base)
