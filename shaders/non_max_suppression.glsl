// Takes the best of COUNT boxes (y, x, y, x of two corners), until WANTED are taken or none is left, and lowers the scores
// of those that it overlaps, its own among them: so a box without an area is taken again, as in TFLite's reference. Where that has to choose between
// equals, all begins anew in one invocation, as it goes about it: by a HEAP, if there is memory for one.
// Stored are how many were taken, which, and their scores; LANES invocations look after EACH boxes.

struct Best { float score; int box; };

Best better(Best a, Best b) {
    return b.score > a.score || (b.score == a.score && uint(b.box) < uint(a.box)) ? b : a;
}
ACROSS_LANES(best, better, partials)

shared int candidates, tied;

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

float at_most, lowest, decay = 0.0;

void take(int place, int box, float score) {
    store(uint(1 + place), box);
    store(uint(1 + WANTED + place), floatBitsToInt(score));
}

float lowered(float score, float part) {
    return decay < 0.0 && part != 0.0 ? score * exp(decay * part * part) : score;
}

#if HEAP
shared int heap[COUNT], chosen[min(COUNT, WANTED)];
#if SOFT
shared float now[COUNT];  // a box's score, and how many of those chosen it has been compared with
shared int compared[COUNT];
float score_of(int box) { return now[box]; }
#else
float score_of(int box) { return scores(box); }
#endif

// Heaps as GNU's C++ library has them, which decide between equals.
void push(int hole, int box) {
    for (; hole > 0 && score_of(heap[(hole - 1) / 2]) < score_of(box); hole = (hole - 1) / 2) {
        heap[hole] = heap[(hole - 1) / 2];
    }
    heap[hole] = box;
}

int pop(int size) {
    int top = heap[0], last = heap[size - 1], hole = 0, count = size - 1;
    while (2 * hole + 2 < count) {
        int child = 2 * hole + 2;
        if (score_of(heap[child]) < score_of(heap[child - 1])) child--;
        heap[hole] = heap[child];
        hole = child;
    }
    if (2 * hole + 2 == count) {
        heap[hole] = heap[count - 1];
        hole = count - 1;
    }
    push(hole, last);
    return top;
}

int taken_by_heap(int goal) {
    int size = 0, taken = 0;
    for (int box = 0; box < COUNT; box++) {
        if (scores(box) > lowest) {
#if SOFT
            now[box] = scores(box);
            compared[box] = 0;
#endif
            push(size++, box);
        }
    }
    while (taken < goal && size > 0) {
        int box = pop(size--), first = 0;
        float score = score_of(box), before = score;
        bool gone = false;
#if SOFT
        first = compared[box];
        compared[box] = taken;
#endif
        for (int k = taken - 1; k >= first && !gone && score > lowest; k--) {
            float part = shared_part(boxes(box), boxes(chosen[k]));
            gone = part >= at_most;
            if (!gone) score = lowered(score, part);
        }
        if (gone) continue;
#if SOFT
        now[box] = score;
#endif
        if (score == before) {
            take(taken, box, score);
            chosen[taken++] = box;
        }
        if (score > lowest) push(size++, box);
    }
    return taken;
}
#endif

void main() {
    uint lane = gl_LocalInvocationID.x;
    at_most = most(0u);
    lowest = least(0u);
#if SOFT
    float spread = sigma(0u);
    if (spread < 0.0) fail();
    if (spread > 0.0) decay = divided(-0.5, spread);
#endif
    if (lane == 0u) candidates = tied = 0;
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
        for (int k = 0; k < EACH; k++) {
            if (left[k] == found.score && left[k] > lowest && k * LANES + int(lane) != found.box) tied = HEAP;
        }
        barrier();
        if (found.box < 0 || tied == 1) break;
        if (lane == 0u) take(taken, found.box, found.score);
        vec4 corners = boxes(found.box);
        for (int k = 0; k < EACH; k++) {
            if (left[k] > lowest) {
                float part = shared_part(boxes(k * LANES + int(lane)), corners);
                left[k] = part >= at_most ? lowest : lowered(left[k], part);
            }
        }
    }
    if (lane > 0u) return;
#if HEAP
    if (tied == 1) taken = taken_by_heap(goal);
#endif
    store(0u, taken);
    for (int k = taken; k < WANTED; k++) {
        store(uint(1 + k), 0);
        store(uint(1 + WANTED + k), 0);
    }
}
