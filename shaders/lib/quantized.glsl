// Fixed point as TFLite's reference kernels have it, bit by bit; the numbers are from shaders/quantized.py.

#define FIXED_POINT(T, UNSIGNED) \
    /* x / 2 ** e to the nearest integer, halves away from 0 (gemmlowp's RoundingDivideByPOT). */ \
    T divided_by_power(T x, T e) { \
        T mask = (T(1) << e) - 1; \
        return (x >> e) - (((mask >> 1) - (x >> 31) - (x & mask)) >> 31); \
    } \
    /* x * m / 2 ** 31 to the nearest integer, halves up (SaturatingRoundingDoublingHighMul; m is never the least int). */ \
    T high_product(T x, T m) { \
        T high, low; \
        imulExtended(x, m, high, low); \
        return (high << 1) + T(((UNSIGNED(low) >> 30) + 1u) >> 1); \
    } \
    /* x * m * 2 ** (shift - 31) (MultiplyByQuantizedMultiplier, rounded twice). */ \
    T multiplied(T x, T m, T shift) { \
        return divided_by_power(high_product(x << max(shift, T(0)), m), max(-shift, T(0))); \
    } \
    /* The same of x << up, where m = high * 2 ** 16 + low, shift = -down, and no more than 31 - up bits of x are used. */ \
    T multiplied_raised(T x, T high, T low, uint up, T down) { \
        return divided_by_power((x * high << (up - 15u)) + ((x * low + (1 << (30u - up))) >> (31u - up)), down); \
    } \
    /* The same, halves up both times, as TFLite's vector instructions round. */ \
    T multiplied_up(T x, T m, T shift) { \
        T down = max(-shift, T(0)); \
        return (high_product(x << max(shift, T(0)), m) + ((T(1) << down) >> 1)) >> down; \
    }

#define CHOICES(T) \
    T squared(T x) { return x * x; } \
    T where_negative(T x, T below, T above) { return (below & (x >> 31)) | (above & ~(x >> 31)); }

FIXED_POINT(int, uint)
FIXED_POINT(ivec4, uvec4)
CHOICES(int)
CHOICES(ivec4)
