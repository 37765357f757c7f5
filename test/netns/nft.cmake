trestle_netns_test(nft
  SOURCES nft_batch.cpp nft_cost.cpp nft_query.cpp nft_witness.cpp
  LIBS @kernel @modes @config @plan @net @base ALONE)
