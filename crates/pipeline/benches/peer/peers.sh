# GatheRing as a peer of a suite whose peers.sh is a list of functions `peer_NAME`: source this file there.
# `pgdb` gives a fresh database in DATABASE_URL, `mon` meters what follows `--`.
# GATHERING_PEER is the program of W1 to W3, built with `cargo bench -p gathering-pipeline --bench peer --no-run`.
# GATHERING_PEER_W4 is that of W4, built with `cargo bench -p gathering --bench schedules --no-run`.
peer_gathering() {
  local program
  case $WORK in
    W4) program=${GATHERING_PEER_W4:?names the built benchmark of schedules} ;;
    *) program=${GATHERING_PEER:?names the built benchmark} ;;
  esac
  pgdb; mon "peer_$PEER" -- "$program" "$WORK"
}
# The suite gives every peer of W4 1,000 schedules; ten times as many are a peer of their own.
peer_gathering_10k() { export W4_N=10000; peer_gathering; }
