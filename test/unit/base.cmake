trestle_unit_test(base SOURCES base/text_test.cpp base/hash_test.cpp LIBS @base)
