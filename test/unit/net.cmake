trestle_unit_test(net SOURCES net/ip_test.cpp net/link_test.cpp net/names_test.cpp net/vm_identity_test.cpp LIBS @net @base)
