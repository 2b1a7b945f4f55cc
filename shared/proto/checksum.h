/* The checksums that headers and tails carry. Pure; any thread. Bytes may come in several pieces:
 *
 *     uint32_t state = checksum_begin(kind);
 *     state = checksum_add(kind, state, data, bytes);
 *     uint32_t sum = checksum_end(kind, state);
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* name, enumerator, bytes. CRCs by their names in the catalogue of parametrised CRC algorithms:
 * crc16 is CRC-16/ARC, crc16_modbus CRC-16/MODBUS, crc16_ccitt CRC-16/IBM-3740, crc32
 * CRC-32/ISO-HDLC, crc32c CRC-32/ISCSI. digits3 is sum8 as three decimal digits (FIX). */
#define CHECKSUM_LIST(X)                                                                           \
    X(SUM8, "sum8", 1)                                                                             \
    X(XOR8, "xor8", 1)                                                                             \
    X(SUM16, "sum16", 2)                                                                           \
    X(CRC16, "crc16", 2)                                                                           \
    X(CRC16_MODBUS, "crc16_modbus", 2)                                                             \
    X(CRC16_CCITT, "crc16_ccitt", 2)                                                               \
    X(CRC32, "crc32", 4)                                                                           \
    X(CRC32C, "crc32c", 4)                                                                         \
    X(ADLER32, "adler32", 4)                                                                       \
    X(DIGITS3, "digits3", 3)

#define CHECKSUM_ENUMERATOR(kind, name, bytes) CHECKSUM_##kind,
enum checksum { CHECKSUM_LIST(CHECKSUM_ENUMERATOR) CHECKSUMS_COUNT };
#undef CHECKSUM_ENUMERATOR

uint32_t checksum_begin(enum checksum kind);
uint32_t checksum_add(enum checksum kind, uint32_t state, const uint8_t *data, size_t bytes);
uint32_t checksum_end(enum checksum kind, uint32_t state);
