# libnftnl is a witness here: it reads back what pkg/kernel wrote.
trestle_unit_test(nft SOURCES nft/answer_test.cpp nft/element_test.cpp nft/rule_test.cpp nft/text_test.cpp nft/witness.cpp
                  LIBS @kernel @modes @config @plan @net @base PkgConfig::NFTNL PkgConfig::MNL)
