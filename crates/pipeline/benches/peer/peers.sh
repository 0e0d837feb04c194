# GatheRing as a peer of a suite whose peers.sh is a list of functions `peer_NAME`: source this file there.
# `pgdb` gives a fresh database in DATABASE_URL, `mon` meters what follows `--`.
# GATHERING_PEER is the program, built with `cargo bench -p gathering-pipeline --bench peer --no-run`.
peer_gathering() { pgdb; mon "peer_$PEER" -- "${GATHERING_PEER:?names the built benchmark}" "$WORK"; }
