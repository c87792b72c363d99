/* Which operands each operation takes, from which feature level: as the documentation of NeuralNetworksTypes.h tells.

   A row has the types of the tensor that an operation is about, each with its level, and the operands that it may
   read and write, one letter each:
   t the tensor's type   w weights (t, or bytes by channel)   a its bias   i f b scalars INT32, FLOAT32, BOOL
   Y N tensors of QUANT8_SYMM, QUANT16_SYMM
   p a scalar of t's numbers, f where t is   I B F Q tensors of INT32, BOOL8, FLOAT32, QUANT8   + t, as often as may be
   q a tensor of bytes   u a tensor of any of F H I Q   v of F H
   The tensor is the first t of the inputs, else of the outputs. Types: F FLOAT32, H FLOAT16, Q QUANT8_ASYMM, S
   ..._SIGNED, I INT32, B BOOL8; levels 1 to 7, 0 never. H is taken where F is, from 3 on, where a row does not say
   otherwise; then f is FLOAT16, too. A number after a pattern is the level which that pattern needs. */
#include <math.h>
#include <string.h>
#include "nn.h"

typedef struct { int32_t code; const char *types, *in, *out; uint32_t rank; } Row;

static const Row rows[] = {
    {0, "F1Q1S4I4", "tti", "t", 4}, {18, "F1Q1S4I4", "tti", "t", 4},
    {36, "F2Q3S4I4", "tti", "t", 4}, {30, "F2I4", "tti", "t", 4},
    {1, "F1Q1S4", "tiiiiii tiiiiiib3 tiiiiiiiii tiiiiiiiiib3", "t", 4},
    {17, "F1Q1S4", "tiiiiii tiiiiiib3 tiiiiiiiii tiiiiiiiiib3", "t", 4},
    {12, "F1", "tiiiiii tiiiiiib3 tiiiiiiiii tiiiiiiiiib3", "t", 4},
    {2, "F1Q1S4", "+i", "t", 4},
    {3, "F1Q1S4", "twaiiii twaiiiib3 twaiiiibii3 twaiiiiiii twaiiiiiiib3 twaiiiiiiibii3", "t", 4},
    {4, "F1Q1S4", "twaiiiii twaiiiiib3 twaiiiiibii3 twaiiiiiiii twaiiiiiiiib3 twaiiiiiiiibii3", "t", 4},
    {55, "F3Q3S4", "twaiiiiib twaiiiiiiiib", "t", 4},
    {91, "F3Q3S4", "twaIiiiib twaiiiiiiib", "t", 4},
    {9, "F1Q1S4", "ttai", "t", 4},
    {102, "F6S6I6", "ttbb", "t", 4},
    {5, "F1Q1S4", "ti tib3", "t", 4}, {26, "F1Q1S4", "ti tib3", "t", 4},
    {29, "F2Q2S4", "tI tIb3", "t", 4}, {33, "F2Q2S4", "tII tIIb3", "t", 4},
    {6, "Q1S4", "t", "v", 4}, {72, "F3", "t", "q", 8}, {45, "F3I3Q3", "t", "u", 8},
    {7, "F1H4I3Q3S4", "It", "t", 8}, {10, "F1H0I1Q1", "IIt", "tQ", 8},
    {8, "F1", "t", "t", 4}, {14, "F1Q1S4", "t", "t", 4}, {28, "F1Q3S4", "t", "t", 4},
    {19, "F1Q1S4", "t", "t", 4}, {20, "F1Q1S4", "t", "t", 4}, {21, "F1Q1S4", "t", "t", 4},
    {38, "F3I4", "t", "t", 8}, {49, "F3", "t", "t", 8}, {60, "F3", "t", "t", 8}, {62, "B3", "t", "t", 8},
    {67, "F3I3", "t", "t", 8}, {83, "F3Q7S7", "t", "t", 8}, {85, "F3", "t", "t", 8}, {88, "F3", "t", "t", 8},
    {98, "F4", "tf", "t", 8}, {99, "F4Q4S4", "t", "t", 8},
    {11, "F1Q3S4", "t ti3", "t", 4}, {13, "F1", "tifff tifffi3", "t", 4},
    {25, "F1Q1S4", "tf tfi3", "t", 4}, {64, "F3", "tfi", "t", 8},
    {22, "F1Q1S4I6", "tI", "t", 4}, {34, "F2Q2S4", "tI", "t", 4}, {50, "F3I3Q3S4", "ti", "t", 8},
    {37, "F2Q2S4", "tI", "t", 4}, {31, "F2Q2S4", "tIi", "t", 4},
    {32, "F2Q2S4", "tI", "t", 4}, {69, "F3Q3S4", "tIp", "t", 4}, {104, "F7Q7S7I7", "tIi", "t", 8},
    {35, "F2Q2S4", "tIIIiii", "t", 4}, {86, "F3I3Q3S4", "tII", "t", 8}, {89, "F3I3Q3S4", "tI", "t", 8},
    {51, "F3I3Q3S4", "tiI", "t", 8}, {105, "F7Q7S7I7", "tI", "t", 8},
    {39, "F3I3Q3S4", "ti", "I", 8}, {40, "F3I3Q3S4", "ti", "I", 8}, {90, "F3I3Q3S4", "ti", "tI", 8},
    {48, "B3F3I3Q3S4", "tt", "B", 8}, {53, "B3F3I3Q3S4", "tt", "B", 8}, {54, "B3F3I3Q3S4", "tt", "B", 8},
    {58, "B3F3I3Q3S4", "tt", "B", 8}, {59, "B3F3I3Q3S4", "tt", "B", 8}, {68, "B3F3I3Q3S4", "tt", "B", 8},
    {61, "B3", "tt", "t", 8}, {63, "B3", "tt", "t", 8},
    {65, "F3I3Q3S4", "tt", "t", 8}, {66, "F3I3Q3S4", "tt", "t", 8}, {70, "F3", "tt", "t", 8}, {71, "F3Q3S4", "tt", "t", 8},
    {75, "B3", "tIb", "t", 4}, {76, "B3", "tIb", "t", 4}, {77, "F3Q3S4", "tIb", "t", 4}, {78, "F3Q3S4", "tIb", "t", 4},
    {79, "F3", "tIb", "t", 4}, {80, "F3", "tIb", "t", 4},
    {84, "F3I3Q3S4", "Btt", "t", 8}, {87, "F3I3Q3S4", "tii", "+", 8}, {103, "F6Q6S6I6", "i+", "t", 8},
    {23, "F1Q3S4", "tii tiib3 tiibb4 tiibbb4", "t", 4}, {94, "F3Q3S4", "tiib tiibb4 tiibbb4", "t", 4},
    {100, "F4I4", "Ip", "t", 8},
    {27, "F1", "tttttii", "tt", 4}, {73, "Q3", "tttttttttIIIINt", "Nt", 4},
    {95, "S4", "tYYYYYYYYNNNIIIIYItNNNNNffffffif", "tNt", 4},
    {42, "F4", "ttttttttttttttttttttttttttttttttttttttttttttttttiffbbtttttttt", "ttttt tttttt", 4},
    {43, "F4", "ttttttttttttibb", "ttt tttt", 4}, /* without what they remember, since 3 */
    {24, "F1", "ttttti", "tt", 4}, {93, "F4", "tttttii", "tt", 4}, /* the state comes out since 4 */
    {16, "F1", "ttttttttttttttttttttiff ttttttttttttttttttttifftttt3", "tttt", 4}, {92, "F4", "ttttttttttttttttttttiffbtttt", "ttt", 4},
};

static const int32_t levels[] = {0, 27, 28, 29, 30, 31, 1000006, 1000007};

static char letter(int32_t type) {
    switch (type) {
        case T_FLOAT32: return 'F';
        case T_FLOAT16: return 'H';
        case T_INT32: return 'I';
        case T_QUANT8: return 'Q';
        case T_SIGNED: return 'S';
        case T_BOOL8: return 'B';
        case T_QUANT8_SYMM: return 'Y';
        case T_QUANT16: return 'N';
        case FLOAT32: return 'f';
        case FLOAT16: return 'h';
        case INT32: return 'i';
        case BOOL: return 'b';
        case T_CHANNELS: return 'w';
        default: return '?';
    }
}

static bool fits(char wanted, char main, char found) {
    switch (wanted) {
        case 't': case '+': return found == main;
        case 'w': return found == main || (found == 'w' && (main == 'Q' || main == 'S'));
        case 'a': return found == (main == 'F' || main == 'H' ? main : 'I');
        case 'f': return found == (main == 'H' ? 'h' : 'f');
        case 'p': return found == (main == 'F' ? 'f' : main == 'H' ? 'h' : 'i');
        case 'q': return found == 'Q' || found == 'S';
        case 'u': return found == 'F' || found == 'H' || found == 'I' || found == 'Q';
        case 'v': return found == 'F' || found == 'H';
        default: return found == wanted;
    }
}

static bool matches(const char *pattern, size_t length, char main, const Operand *operands, const uint32_t *numbers, uint32_t count) {
    const char *plus = memchr(pattern, '+', length);
    if (plus ? count < length : count != length) return false;
    for (uint32_t k = 0; k < count; k++) {
        size_t at = k;
        if (plus && k >= (size_t)(plus - pattern)) at = k < count - (length - 1 - (size_t)(plus - pattern)) ? (size_t)(plus - pattern) : length - (count - k);
        if (!fits(pattern[at], main, letter(operands[numbers[k]].type))) return false;
    }
    return true;
}

/* The level of the pattern, of several, that some operands have; 0 where there is none. */
static int any(const char *patterns, char main, const Operand *operands, const uint32_t *numbers, uint32_t count) {
    for (const char *pattern = patterns; *pattern; ) {
        size_t length = strcspn(pattern, " 1234567");
        if (matches(pattern, length, main, operands, numbers, count)) return pattern[length] > '0' ? pattern[length] - '0' : 1;
        pattern += length + strspn(pattern + length, " 1234567");
    }
    return 0;
}

/* The level at which a row takes these operands, 0 where it does not. */
static int32_t level_of(const Row *row, char main, const Operand *operands, const Operation *o) {
    const char *type = strchr(row->types, main);
    bool half = type == NULL && main == 'H';
    if (half) type = strchr(row->types, 'F');
    if (type == NULL || type[1] == '0') return 0;
    int given = any(row->in, main, operands, o->in, o->n_in), made = any(row->out, main, operands, o->out, o->n_out);
    int needed = half && type[1] < '3' ? 3 : type[1] - '0';
    if (given == 0 || made == 0) return 0;
    return levels[given > needed ? given : needed];
}

static char main_type(const Row *row, const Operand *operands, const Operation *o) {
    size_t at = strcspn(row->in, "t+");
    if (row->in[at] && at < o->n_in) return letter(operands[o->in[at]].type);
    return o->n_out ? letter(operands[o->out[0]].type) : '?';
}

static float product(const Operand *operands, const Operation *o) {
    return operands[o->in[0]].scale * operands[o->in[1]].scale;
}

static bool same_affine(const Operand *a, const Operand *b) { return a->scale == b->scale && a->zero == b->zero; }

static bool exactly(const Operand *a, float scale, int32_t unsigned_zero, int32_t signed_zero) {
    if (a->type != T_QUANT8 && a->type != T_SIGNED) return true;
    return a->scale == scale && a->zero == (a->type == T_QUANT8 ? unsigned_zero : signed_zero);
}

/* What is said of scales and zero points; a higher level where an earlier one did not allow what is here. */
static int check_scales(const Operand *operands, const Operation *o, int32_t *level) {
    const Operand *in = &operands[o->in[0]], *out = &operands[o->out[0]];
    bool bytes = in->type == T_QUANT8 || in->type == T_SIGNED;
    switch (o->code) {
        case 3: case 4: case 9: case 55: case 91: {
            const Operand *weights = &operands[o->in[1]], *bias = &operands[o->in[2]];
            if (weights->type == T_CHANNELS) {
                if (weights->channel != (o->code == 4 ? 3u : 0u) || bias->scale != 0) return BAD_DATA;
                if (*level < 29) *level = 29;
            } else if (bytes) {
                float wanted = product(operands, o);
                if (fabsf(bias->scale - wanted) > 1e-6f * wanted) return BAD_DATA;
                if (in->type == T_QUANT8 && !(out->scale > wanted) && *level < 29) *level = 29;
            } else if (bias->scale != 0) return BAD_DATA;
            return bias->rank == 1 || bias->rank == 0 ? NO_ERROR : BAD_DATA;
        }
        case 18: return bytes && !(out->scale > product(operands, o)) ? BAD_DATA : NO_ERROR;
        case 14: case 25: return exactly(out, 1.0f / 256, 0, -128) ? NO_ERROR : BAD_DATA;
        case 28: case 11: return exactly(out, 1.0f / 128, 128, 0) ? NO_ERROR : BAD_DATA;
        case 2:
            for (uint32_t k = 0; in->type == T_QUANT8 && k + 1 < o->n_in; k++)
                if (!same_affine(&operands[o->in[k]], out) && *level < 29) *level = 29;
            return NO_ERROR;
        case 32: case 33:
            if (in->type == T_QUANT8 && in->zero && *level < 29) *level = 29; /* falls through */
        case 1: case 17: case 5: case 26: case 29: case 19: case 20: case 21: case 22: case 34: case 50: case 37: case 31:
        case 69: case 104: case 35: case 86: case 89: case 51: case 105: case 77: case 78: case 87: case 23: case 94: case 90:
            for (uint32_t k = 0; k < o->n_out && bytes; k++)
                if (operands[o->out[k]].type == in->type && !same_affine(&operands[o->out[k]], in)) return BAD_DATA;
            return NO_ERROR;
        case 73: {
            const Operand *cell = &operands[o->in[13]], *made = &operands[o->out[1]], *before = &operands[o->in[14]];
            for (int k = 2; k < 9; k++)
                if (!same_affine(&operands[o->in[k]], &operands[o->in[1]])) return BAD_DATA;
            if (!exactly(in, 1.0f / 128, 128, 0) || !same_affine(in, made) || !same_affine(in, before)) return BAD_DATA;
            return cell->scale == 1.0f / 2048 && same_affine(cell, out) ? NO_ERROR : BAD_DATA;
        }
        case 95: return same_affine(&operands[o->in[18]], out) && same_affine(out, &operands[o->out[2]]) ? NO_ERROR : BAD_DATA;
        case 7: return same_affine(&operands[o->in[1]], out) ? NO_ERROR : BAD_DATA;
        case 10: return same_affine(&operands[o->in[2]], out) && operands[o->out[1]].scale == 1 ? NO_ERROR : BAD_DATA;
        case 103:
            for (uint32_t k = 1; k < o->n_in; k++)
                if (!same_affine(&operands[o->in[k]], out)) return BAD_DATA;
            return NO_ERROR;
        default: return NO_ERROR;
    }
}

/* Level 29 brought some ranks. */
static void check_ranks(const Operand *operands, const Operation *o, int32_t *level) {
    uint32_t rank = operands[o->in[0]].rank;
    bool old = o->code == 25 ? rank == 2 || rank == 4 : rank == 4;
    if ((o->code == 25 || o->code == 11 || o->code == 13) && rank && !old && *level < 29) *level = 29;
}

static int find(const Operand *operands, const Operation *o, int32_t *level) {
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        if (rows[k].code != o->code || o->n_in == 0 || o->n_out == 0) continue;
        *level = level_of(&rows[k], main_type(&rows[k], operands, o), operands, o);
        if (*level == 0) return BAD_DATA;
        for (uint32_t i = 0; i < o->n_in; i++)
            if (operands[o->in[i]].rank > rows[k].rank) return BAD_DATA;
        check_ranks(operands, o, level);
        return check_scales(operands, o, level);
    }
    return BAD_DATA;
}

int validate(const Operand *operands, const Operation *operation, int64_t level) {
    int32_t needed = 0;
    int result = find(operands, operation, &needed);
    return result ? result : needed <= level ? NO_ERROR : BAD_DATA;
}

int level_needed(const Operand *operands, const Operation *operation) {
    int32_t needed = 0;
    find(operands, operation, &needed);
    for (uint32_t k = 0; k < operation->n_in; k++)
        if (operands[operation->in[k]].type == T_SIGNED && needed < 30) needed = 30;
    return needed;
}

bool narrow_takes(const Operand *operands, const Operation *operation) {
    return operation->code != 70 && operands[operation->in[0]].type != T_BOOL8;
}
