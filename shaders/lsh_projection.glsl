// BITS bits for each value, the first of them highest: whether the sum of hashes of ROWS rows, each times its weight, is
// above 0. A hash is FarmHash's Fingerprint64, of 64 bits with a sign, of LENGTH bytes: a seed's, then those of a row of
// COUNT elements of SIZE bytes. OFFSET is what is added for the value's number.

const ivec2 PRIME0 = ivec2(0x97cb3127u, 0xc3a5c85cu);
const ivec2 PRIME1 = ivec2(0xbe98f273u, 0xb492b66fu);
const ivec2 PRIME2 = ivec2(0x2f90404fu, 0x9ae16a3bu);

struct Key {
    uint seed;
    uint first;  // element of its row
};

// Four bytes of a key, the first lowest.
uint word(Key key, uint at) {
#if SIZE < 4
    uint made = 0u;
    for (uint k = 0u; k < 4u; k += uint(SIZE), at += uint(SIZE)) {
        uint part = at < 4u ? key.seed >> (8u * at) : TO_WORDS(source(key.first + (at - 4u) / uint(SIZE))).x;
        made |= (part & ((1u << (8 * SIZE)) - 1u)) << (8u * k);
    }
    return made;
#else
    if (at < 4u) return key.seed;
    uvec2 words = TO_WORDS(source(key.first + (at - 4u) / uint(SIZE)));
    return (at - 4u) % uint(SIZE) == 0u ? words.x : words.y;
#endif
}

ivec2 two_words(Key key, uint at) { return ivec2(word(key, at), word(key, at + 4u)); }

// Bits moved down, those that leave coming in at the top.
ivec2 rotated(ivec2 x, int by) {
    uvec2 n = uvec2(by < 32 ? x : x.yx);
    by &= 31;
    return ivec2(n >> by | n.yx << (32 - by));
}

ivec2 folded(ivec2 x) { return ivec2(x.x ^ int(uint(x.y) >> 15), x.y); }

ivec2 mixed(ivec2 x, ivec2 y, ivec2 factor) {
    ivec2 first = folded(times(x ^ y, factor));
    return times(folded(times(y ^ first, factor)), factor);
}

#if LENGTH <= 64
ivec2 fingerprint(Key key) {
    const uint END = uint(LENGTH);
    ivec2 factor = plus(PRIME2, ivec2(2 * LENGTH, 0));
#if LENGTH < 8
    ivec2 start = ivec2(word(key, 0u) << 3, word(key, 0u) >> 29);
    return mixed(plus(start, ivec2(LENGTH, 0)), ivec2(word(key, END - 4u), 0), factor);
#elif LENGTH <= 16
    ivec2 a = plus(two_words(key, 0u), PRIME2), b = two_words(key, END - 8u);
    return mixed(plus(times(rotated(b, 37), factor), a), times(plus(rotated(a, 25), b), factor), factor);
#else
    ivec2 a = times(two_words(key, 0u), LENGTH <= 32 ? PRIME1 : PRIME2), b = two_words(key, 8u);
    ivec2 c = times(two_words(key, END - 8u), factor), d = times(two_words(key, END - 16u), PRIME2);
    ivec2 y = plus(plus(rotated(plus(a, b), 43), rotated(c, 30)), d);
    ivec2 z = mixed(y, plus(plus(a, rotated(plus(b, PRIME2), 18)), c), factor);
#if LENGTH <= 32
    return z;
#else
    ivec2 e = times(two_words(key, 16u), factor), f = two_words(key, 24u);
    ivec2 g = times(plus(y, two_words(key, END - 32u)), factor);
    ivec2 h = times(plus(z, two_words(key, END - 24u)), factor);
    y = plus(plus(rotated(plus(e, f), 43), rotated(g, 30)), h);
    return mixed(y, plus(plus(e, rotated(plus(f, a), 18)), g), factor);
#endif
#endif
}
#else
struct State {
    ivec2 x, y, z;
    ivec4 v, w;  // two numbers each
};

ivec4 of_32_bytes(Key key, uint at, ivec2 a, ivec2 b) {
    a = plus(a, two_words(key, at));
    ivec2 last = two_words(key, at + 24u), c = a;
    b = rotated(plus(plus(b, a), last), 21);
    a = plus(plus(a, two_words(key, at + 8u)), two_words(key, at + 16u));
    b = plus(b, rotated(a, 44));
    return ivec4(plus(a, last), plus(b, c));
}

// Of the 64 bytes from `at` on. `often` is what v.xy and w.zw are multiplied by.
State stepped(State s, Key key, uint at, ivec2 factor, int often) {
    ivec2 x = times(rotated(plus(plus(s.x, s.y), plus(s.v.xy, two_words(key, at + 8u))), 37), factor);
    ivec2 y = times(rotated(plus(plus(s.y, s.v.zw), two_words(key, at + 48u)), 42), factor);
    x ^= times(s.w.zw, ivec2(often, 0));
    y = plus(y, plus(times(s.v.xy, ivec2(often, 0)), two_words(key, at + 40u)));
    ivec2 z = times(rotated(plus(s.z, s.w.xy), 33), factor);
    ivec4 v = of_32_bytes(key, at, times(s.v.zw, factor), plus(x, s.w.xy));
    ivec4 w = of_32_bytes(key, at + 32u, plus(z, s.w.zw), plus(y, two_words(key, at + 16u)));
    return State(z, y, x, v, w);
}

ivec2 fingerprint(Key key) {
    ivec2 more = ivec2(113, 0), x = plus(times(PRIME2, ivec2(81, 0)), two_words(key, 0u));
    ivec2 y = plus(times(PRIME1, ivec2(81, 0)), more), z = times(folded(plus(times(PRIME2, y), more)), PRIME2);
    State s = State(x, y, z, ivec4(0), ivec4(0));
    for (uint at = 0u; at < uint((LENGTH - 1) / 64 * 64); at += 64u) s = stepped(s, key, at, PRIME1, 1);
    ivec2 factor = plus(PRIME1, ivec2((s.z.x & 0xff) << 1, 0));
    s.w.xy = plus(s.w.xy, ivec2((LENGTH - 1) % 64, 0));
    s.v.xy = plus(s.v.xy, s.w.xy);
    s.w.xy = plus(s.w.xy, s.v.xy);
    s = stepped(s, key, uint(LENGTH - 64), factor, 9);
    ivec2 first = plus(plus(mixed(s.v.xy, s.w.xy, factor), times(folded(s.y), PRIME0)), s.z);
    return mixed(first, plus(mixed(s.v.zw, s.w.zw, factor), s.x), factor);
}
#endif

// Weights that are no finite numbers make the sum one: 1 and 2 are infinities, above and below, and 3 is no number.
int infinite(uint weight, ivec2 hash) {
    if ((weight & 0x7f800000u) != 0x7f800000u) return 0;
    if ((weight & 0x7fffffu) != 0u || hash == ivec2(0)) return 3;
    return negative(hash) == (weight >> 31 == 1u) ? 1 : 2;
}

int above_zero(uint seed) {
    Double sum = NOTHING;
    int without_end = 0;
    for (uint row = 0u; row < uint(ROWS); row++) {
        ivec2 hash = fingerprint(Key(seed, row * uint(COUNT)));
        Double x = rounded(negative(hash), 0, negative(hash) ? negated(hash) : hash);
#if WEIGHTED
        uint weight = floatBitsToUint(weights(row));
        without_end |= infinite(weight, hash);
        x = times(x, weight);
#endif
        sum = plus(sum, x);
    }
    if (without_end != 0) return int(without_end == 1);
    return int(!sum.negative && sum.digits != ivec2(0));
}

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int bits = 0;
    for (uint k = 0u; k < uint(BITS); k++)
        bits = bits << 1 | above_zero(floatBitsToUint(seeds(i * uint(BITS) + k)));
    store(i, bits + int(i) * OFFSET);
}
