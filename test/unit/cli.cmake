trestle_unit_test(cli
  SOURCES cli/arguments_test.cpp cli/conf_file_test.cpp cli/graph_test.cpp cli/matching_test.cpp cli/run_test.cpp cli/table_test.cpp cli/words_test.cpp
  LIBS @cli @app @store @plan @cni @net @base)
