trestle_unit_test(ipam SOURCES ipam/range_test.cpp ipam/choose_test.cpp LIBS @ipam @net @base)
