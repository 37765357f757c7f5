trestle_unit_test(modes SOURCES modes_nat_test.cpp LIBS @modes @config @cni @plan @ipam @net @base)
