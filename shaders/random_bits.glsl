// Random bits by counting: WORDS of 32 bits a count, mixed with a key. The state is the key, the counter, and for Philox the
// rest of its counter, or the key again.

uint rotated(uint x, uint by) { return (x << by) | (x >> (32u - by)); }

#if WORDS == 2
uvec2 mixed(uvec2 x, uvec2 key) {
    const uint ROTATIONS[8] = uint[8](13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
    uint keys[3] = uint[3](key.x, key.y, key.x ^ key.y ^ 0x1bd11bdau);
    x += key;
    for (uint turn = 0u; turn < 5u; turn++) {
        for (uint k = 0u; k < 4u; k++) {
            x.x += x.y;
            x.y = rotated(x.y, ROTATIONS[(turn & 1u) * 4u + k]) ^ x.x;
        }
        x += uvec2(keys[(turn + 1u) % 3u], keys[(turn + 2u) % 3u] + turn + 1u);
    }
    return x;
}

uint word(uint k) { return mixed(uvec2(plus(ivec2(state(1u)), ivec2(k / 2u, 0))), state(0u))[k % 2u]; }
#else
uvec4 mixed(uvec4 x, uvec2 key) {
    for (int turn = 0; turn < 10; turn++) {
        uvec2 high, low;
        umulExtended(uvec2(0xd2511f53u, 0xcd9e8d57u), x.xz, high, low);
        x = uvec4(high.y ^ x.y ^ key.x, low.y, high.x ^ x.w ^ key.y, low.x);
        key += uvec2(0x9e3779b9u, 0xbb67ae85u);
    }
    return x;
}

uint word(uint k) {
    uvec2 count = uvec2(plus(ivec2(state(1u)), ivec2(k / 4u, 0)));
    return mixed(uvec4(count, state(STATE == 3 ? 2u : 0u)), state(0u))[k % 4u];
}
#endif

void put(out uvec2 x, uint i) { x = uvec2(word(2u * i), word(2u * i + 1u)); }
void put(out ivec2 x, uint i) { x = ivec2(word(2u * i), word(2u * i + 1u)); }
void put(out uint x, uint i) { x = word(i); }
void put(out int x, uint i) { x = int(word(i)); }

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    VALUE x;
    put(x, i);
    store(i, x);
}
