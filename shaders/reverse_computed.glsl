// Of UNITS places along an axis the first `lengths` of the batch are turned around. IN_BATCH values lie in one of BATCHES.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int count = clipped(lengths(i / uint(IN_BATCH) % uint(BATCHES)));
    if (count > UNITS) {
        fail();
        count = 0;
    }
    int place = int(i / uint(INNER) % uint(UNITS));
    int from = place < count ? count - 1 - place : place;
    store(i, source(uint(int(i) + (from - place) * INNER)));
}
