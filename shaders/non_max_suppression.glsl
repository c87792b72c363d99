// Takes the best of COUNT boxes (y, x, y, x of two corners), until WANTED are taken or none is left, and lowers the scores
// of those that it overlaps, its own among them: so a box without an area is taken again, as in TFLite's reference.
// Stored are how many were taken, which, and their scores; LANES invocations look after EACH boxes.

struct Best { float score; int box; };

Best better(Best a, Best b) {
    return b.score > a.score || (b.score == a.score && uint(b.box) < uint(a.box)) ? b : a;
}
ACROSS_LANES(best, better, partials)

shared int candidates;

// Of what both boxes cover, how much both have; precise, for one rounding more would decide otherwise at the threshold.
float shared_part(vec4 a, vec4 b) {
    vec2 a_low = min(a.xy, a.zw), a_high = max(a.xy, a.zw), b_low = min(b.xy, b.zw), b_high = max(b.xy, b.zw);
    vec2 a_sides = a_high - a_low, b_sides = b_high - b_low;
    vec2 sides = max(min(a_high, b_high) - max(a_low, b_low), vec2(0.0));
    precise float a_area = a_sides.x * a_sides.y, b_area = b_sides.x * b_sides.y, both = sides.x * sides.y;
    if (a_area <= 0.0 || b_area <= 0.0) return 0.0;
    precise float sum = a_area + b_area;
    precise float covered = sum - both;
    return covered == 0.0 ? 0.0 : divided(both, covered);
}

void main() {
    uint lane = gl_LocalInvocationID.x;
    float at_most = most(0u), lowest = least(0u), decay = 0.0;
#if SOFT
    float spread = sigma(0u);
    if (spread < 0.0) fail();
    if (spread > 0.0) decay = divided(-0.5, spread);
#endif
    if (lane == 0u) candidates = 0;
    barrier();
    float left[EACH];
    for (int k = 0; k < EACH; k++) {
        int box = k * LANES + int(lane);
        float score = box < COUNT ? scores(box) : lowest;
        left[k] = score > lowest ? score : lowest;
        if (score > lowest) atomicAdd(candidates, 1);
    }
    barrier();

    int goal = min(candidates, WANTED), taken = 0;
    for (; taken < goal; taken++) {
        Best mine = Best(lowest, -1);
        for (int k = 0; k < EACH; k++) {
            if (left[k] > mine.score) mine = Best(left[k], k * LANES + int(lane));
        }
        Best found = best(mine, lane);
        barrier();
        if (found.box < 0) break;
        if (lane == 0u) {
            store(uint(1 + taken), found.box);
            store(uint(1 + WANTED + taken), floatBitsToInt(found.score));
        }
        vec4 corners = boxes(found.box);
        for (int k = 0; k < EACH; k++) {
            if (!(left[k] > lowest)) continue;
            float part = shared_part(boxes(k * LANES + int(lane)), corners);
            if (part >= at_most) left[k] = lowest;
            else if (decay < 0.0 && part != 0.0) left[k] *= exp(decay * part * part);
        }
    }
    if (lane > 0u) return;
    store(0u, taken);
    for (int k = taken; k < WANTED; k++) {
        store(uint(1 + k), 0);
        store(uint(1 + WANTED + k), 0);
    }
}
