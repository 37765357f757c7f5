trestle_unit_test(cni
  SOURCES cni/args_test.cpp cni/error_json_test.cpp cni/field_test.cpp cni/json_test.cpp cni/merge_test.cpp cni/request_test.cpp
          cni/result_read_test.cpp cni/result_test.cpp cni/versions_test.cpp
  LIBS @cni @base @net)
