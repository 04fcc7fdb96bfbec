/* The words in which kernels and their maths are written, so that one text means the same bits as
   C17, OpenCL C 1.2 and CUDA. This is the only file that asks which of the three it is in.

   A kernel is written once, for one work-item:

       GM_KERNEL void gm_k_add(GM_GLOBAL const float *a, GM_GLOBAL const float *b,
                               GM_GLOBAL float *y, gm_u64 n GM_ITEM_PARAMS)
       {
           gm_u64 i = GM_ID(0);
           if (i < n)
               y[i] = a[i] + b[i];
       }

   On a GPU the launch supplies the index. In C the index is a last argument, `const gm_u64
   gm_item[3]`, and the caller loops. A kernel that is shared with C uses no barrier and no
   GM_LOCAL.

   What every dialect must guarantee: binary32 with subnormals, round to nearest even, + - *
   rounded one by one (nothing fused but GM_FMA), GM_DIV and GM_SQRT correctly rounded. Plain `/`
   is not written in kernels: OpenCL may round it to 2.5 ulp.

       GM_KERNEL         an entry point             GM_FN        a function that kernels call
       GM_GLOBAL         pointee in device memory   GM_CONST     a constant table at file scope
       GM_LOCAL          work-group memory          GM_ITEM_PARAMS, GM_ID(d)   the work-item
       gm_u32 .. gm_i64  fixed-width integers       gm_f32_bits, gm_bits_f32   bit casts
       GM_FMA(a, b, c)   a * b + c rounded once     GM_MUL_HIGH(a, b)  upper 32 bits of a 32x32
   product
*/
#ifndef GM_KERNELS_DIALECT_H
#define GM_KERNELS_DIALECT_H

#ifdef __FAST_MATH__
#error "exact kernels must not be compiled with fast-math"
#endif

#if defined(__OPENCL_VERSION__) || defined(__OPENCL_C_VERSION__)

#pragma OPENCL FP_CONTRACT OFF

#define GM_KERNEL __kernel
#define GM_GLOBAL __global
#define GM_LOCAL  __local
#define GM_CONST  __constant
#define GM_FN     static inline
#define GM_ITEM_PARAMS
#define GM_ID(d) ((gm_u64)get_global_id(d))

typedef uint gm_u32;
typedef int gm_i32;
typedef ulong gm_u64;
typedef long gm_i64;

#define GM_FMA(a, b, c)   fma((float)(a), (float)(b), (float)(c))
#define GM_MUL_HIGH(a, b) mul_hi((uint)(a), (uint)(b))

/* A program is built either with -cl-fp32-correctly-rounded-divide-sqrt or, on a device that does
   not offer it, with -DGM_DIVIDE_IN_F64: a binary64 result rounded once more gives the same bits.
 */
#ifdef GM_DIVIDE_IN_F64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define GM_DIV(a, b) ((float)((double)(float)(a) / (double)(float)(b)))
#define GM_SQRT(a)   ((float)sqrt((double)(float)(a)))
#else
#define GM_DIV(a, b) ((float)(a) / (float)(b))
#define GM_SQRT(a)   sqrt((float)(a))
#endif

GM_FN gm_u32 gm_f32_bits(float x)
{
    return as_uint(x);
}

GM_FN float gm_bits_f32(gm_u32 bits)
{
    return as_float(bits);
}

#elif defined(__CUDACC__)

#ifdef __USE_FAST_MATH__
#error "exact kernels must not be compiled with fast-math"
#endif

/* Compiled with -fmad=false; the intrinsics hold whatever -prec-div and -prec-sqrt say. */
#define GM_KERNEL extern "C" __global__
#define GM_GLOBAL
#define GM_LOCAL __shared__
#define GM_CONST static __constant__ const
#define GM_FN    static __device__ __forceinline__
#define GM_ITEM_PARAMS
#define GM_ID(d)                                                                                   \
    ((d) == 0   ? (gm_u64)blockIdx.x * blockDim.x + threadIdx.x                                    \
     : (d) == 1 ? (gm_u64)blockIdx.y * blockDim.y + threadIdx.y                                    \
                : (gm_u64)blockIdx.z * blockDim.z + threadIdx.z)

typedef unsigned int gm_u32;
typedef int gm_i32;
typedef unsigned long long gm_u64;
typedef long long gm_i64;

#define GM_FMA(a, b, c)   __fmaf_rn((a), (b), (c))
#define GM_MUL_HIGH(a, b) __umulhi((a), (b))
#define GM_DIV(a, b)      __fdiv_rn((a), (b))
#define GM_SQRT(a)        __fsqrt_rn(a)

GM_FN gm_u32 gm_f32_bits(float x)
{
    return __float_as_uint(x);
}

GM_FN float gm_bits_f32(gm_u32 bits)
{
    return __uint_as_float(bits);
}

#else /* C17, compiled with -ffp-contract=off */

#include <float.h>
#include <math.h> /* fmaf and sqrtf, which IEEE 754 defines to the last bit; nothing else */
#include <stdint.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
#if FLT_EVAL_METHOD != 0
#error "exact kernels need float arithmetic in float (x87 has wider registers)"
#endif

/* Without this a file with many kernels outgrows the inliner's budget, and loops around what it
   then leaves as calls are not vectorised: thirty times slower. */
#ifdef __GNUC__
#define GM_FN static inline __attribute__((always_inline))
#else
#define GM_FN static inline
#endif

#define GM_KERNEL GM_FN
#define GM_GLOBAL
#define GM_LOCAL
#define GM_CONST       static const
#define GM_ITEM_PARAMS , const gm_u64 gm_item[3]
#define GM_ID(d)       (gm_item[d])

typedef uint32_t gm_u32;
typedef int32_t gm_i32;
typedef uint64_t gm_u64;
typedef int64_t gm_i64;

#define GM_FMA(a, b, c)   fmaf((a), (b), (c))
#define GM_MUL_HIGH(a, b) ((gm_u32)(((gm_u64)(gm_u32)(a) * (gm_u32)(b)) >> 32))
#define GM_DIV(a, b)      ((float)(a) / (float)(b))
#define GM_SQRT(a)        sqrtf(a)

GM_FN gm_u32 gm_f32_bits(float x)
{
    gm_u32 bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

GM_FN float gm_bits_f32(gm_u32 bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#endif
#endif
