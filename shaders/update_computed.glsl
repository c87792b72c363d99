// Takes each value from `update` where that covers it, from its own place elsewhere; `update` is moved to where it fits.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint rest = i, at = 0u, size = 1u;
    bool covered = true;
    for (int d = RANK - 1; d >= 0; d--) {
        int start = clipped(starts(uint(d)));
        int place = int(rest % uint(WHOLE[d])) - clamp(start, 0, WHOLE[d] - BOX[d]);
        covered = covered && place >= 0 && place < BOX[d];
        at += uint(clamp(place, 0, BOX[d] - 1)) * size;
        size *= uint(BOX[d]);
        rest /= uint(WHOLE[d]);
    }
    store(i, covered ? update(at) : under(i));
}
