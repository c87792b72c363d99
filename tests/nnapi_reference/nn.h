/* A reference for tests of Android's Neural Networks API: strict about its contract, plain in its arithmetic.

   Every handle is an Object; freed ones are remembered, so that whatever uses one again is a breach that is told. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef LEVEL
#define LEVEL 1000007 /* the feature level that this build has the functions of */
#endif
#define MOST_RANK 8

enum { NO_ERROR, OUT_OF_MEMORY, INCOMPLETE, UNEXPECTED_NULL, BAD_DATA, OP_FAILED, BAD_STATE, UNMAPPABLE,
       OUTPUT_INSUFFICIENT_SIZE, UNAVAILABLE_DEVICE, DEAD_OBJECT = 14 };

enum { FLOAT32 = 0, INT32 = 1, UINT32 = 2, T_FLOAT32 = 3, T_INT32 = 4, T_QUANT8 = 5, BOOL = 6, T_QUANT16 = 7,
       T_FLOAT16 = 8, T_BOOL8 = 9, FLOAT16 = 10, T_CHANNELS = 11, T_QUANT16_ASYMM = 12, T_QUANT8_SYMM = 13,
       T_SIGNED = 14, TYPES = 15 };

typedef struct { int32_t type; uint32_t dimensionCount; const uint32_t *dimensions; float scale; int32_t zeroPoint; } OperandType;
typedef struct { uint32_t channelDim, scaleCount; const float *scales; } PerChannel;

typedef enum { MEMORY = 1, MODEL, COMPILATION, EXECUTION, BURST, EVENT } Kind;

typedef struct Object { Kind kind; bool alive; int users; struct Object *next; } Object;

typedef struct { Object base; size_t size; uint8_t *bytes; } Memory;

typedef enum { COMPUTED, CONSTANT, OMITTED, GIVEN } Origin;

typedef struct {
    int32_t type; uint32_t rank, dims[MOST_RANK]; float scale; int32_t zero;
    uint32_t channel, channels; float *scales;
    Origin origin; bool is_output, written;
    const uint8_t *value; size_t length; uint8_t *copy; Memory *memory; uint64_t sum; /* of a value that is not copied */
} Operand;

typedef struct { int32_t code; uint32_t n_in, n_out; uint32_t *in, *out; } Operation;

typedef struct {
    Object base; bool finished, identified, relaxed;
    Operand *operands; uint32_t n_operands; Operation *operations; uint32_t n_operations;
    uint32_t *inputs, n_inputs, *outputs, n_outputs;
} Model;

typedef struct { const char *name; int32_t type; int64_t level; bool narrow; } Device;

typedef struct { Object base; Model *model; bool finished; const Device *device; int32_t preference; int life; } Compilation;

typedef struct { uint8_t *bytes; size_t length; bool set; } Buffer;

typedef struct {
    Object base; Compilation *compilation; bool started, done, reusable; int result;
    Buffer *inputs, *outputs; uint32_t *ranks, (*dims)[MOST_RANK]; bool *small;
} Execution;

typedef struct { Object base; Compilation *compilation; } Burst;
typedef struct { Object base; Execution *execution; } Event;

/* A value while it runs. */
typedef struct {
    int32_t type; uint32_t rank, dims[MOST_RANK]; float scale; int32_t zero;
    uint32_t channel; const float *scales; uint8_t *data; const Operand *operand; bool owned, omitted;
} Value;

/* core.c */
void *new_object(Kind kind, size_t size);
int check(const void *object, Kind kind, const char *where); /* NO_ERROR where a handle may be used */
int release(void *object, Kind kind, const char *where);
void breach(const char *where, const char *what);
int failing(const char *where); /* the result that a test asked a function to give */
extern int life; /* which of the drivers' lives this is: what was compiled in another is dead */
extern bool away; /* whether there is no driver now */
size_t size_of(int32_t type);
bool is_scalar(int32_t type);
size_t count_of(uint32_t rank, const uint32_t *dims);
uint64_t checksum(const uint8_t *bytes, size_t length);

/* validate.c */
int validate(const Operand *operands, const Operation *operation, int64_t level);
bool narrow_takes(const Operand *operands, const Operation *operation);
int level_needed(const Operand *operands, const Operation *operation);

/* half.c */
bool has_halves(Value **values, uint32_t count);
Value *widen(Value **values, uint32_t count, Value **to); /* `to`: the same, with floats for halves; for `free_wide` */
void narrow(Value **values, uint32_t count, Value *wide); /* results that were made as floats */
void free_wide(Value **values, uint32_t count, Value *wide);

/* run.c and the arithmetic */
int compute(const Model *model, Execution *execution);
int shape(Value *out, uint32_t rank, const uint32_t *dims); /* give a result its shape and memory */
int like(Value *out, const Value *in);
typedef int Kernel(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out);
Kernel arithmetic, elementwise, convolution, pooling, moving, reducing, image, recurrent, whole_lstm;
int32_t integer(const Value *v);
float real(const Value *v);
bool truth(const Value *v);
float read_real(const Value *v, size_t k);
void write_real(Value *v, size_t k, double x);
float activated(float x, int32_t fuse);
void bounds(const Value *out, int32_t fuse, int32_t *low, int32_t *high);
int32_t read_raw(const Value *v, size_t k);
void write_raw(Value *v, size_t k, int32_t x);
void multiplier(double real, int32_t *whole, int *shift);
int32_t rescale(int32_t x, int32_t whole, int shift);
int32_t high_product(int32_t a, int32_t b); /* a * b / 2 ** 31, rounded */
int32_t divided(int32_t x, int e); /* x / 2 ** e, rounded, halves away from 0 */
int32_t clamp(int32_t x, int32_t low, int32_t high);
