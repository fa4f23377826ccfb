/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How rows of the schema's table are written. */
#ifndef SLUICE_CONFIG_SCHEMA_MACROS_H
#define SLUICE_CONFIG_SCHEMA_MACROS_H

#include "core/base/check.h"
#include "core/config/inputs.h"

#define KEY(key) .name = key, .since = "0.1"
#define EXAMPLE(yaml) .example = yaml

#define VALUE(type_name, member, value_type_)                                                      \
    .shape = SHAPE_VALUE, .offset = offsetof(struct type_name, member), .type = &(value_type_)

/* A value that is read into several members of its structure. */
#define VALUE_WHOLE(value_type_) .shape = SHAPE_VALUE, .type = &(value_type_)

/* The count must stand behind the pointer: read.c writes both. */
#define COUNTED_AT(type_name, member)                                                              \
    (offsetof(struct type_name, member) +                                                          \
     0 * sizeof(char[offsetof(struct type_name, member##_count) ==                                 \
                             offsetof(struct type_name, member) + sizeof(void *)                   \
                         ? 1                                                                       \
                         : -1]))

/* A list for take(). */
#define LIST(value_type_) .shape = SHAPE_LIST, .type = &(value_type_)
#define LIST_IN(type_name, member, value_type_)                                                    \
    .shape = SHAPE_LIST, .offset = COUNTED_AT(type_name, member), .type = &(value_type_)
#define LIST_OF(type_name, member, object_)                                                        \
    .shape = SHAPE_LIST, .offset = COUNTED_AT(type_name, member), .object = &(object_)

/* A struct strings. */
#define STRINGS(type_name, member, value_type_)                                                    \
    .shape = SHAPE_LIST, .offset = offsetof(struct type_name, member), .type = &(value_type_)

#define OBJECT(type_name, member, object_)                                                         \
    .shape = SHAPE_OBJECT, .offset = offsetof(struct type_name, member), .object = &(object_)
#define OBJECT_AT(offset_, object_) .shape = SHAPE_OBJECT, .offset = (offset_), .object = &(object_)

/* A struct networks. */
#define NETWORKS(type_name, member)                                                                \
    OBJECT(type_name, member, schema_networks), .take = take_networks

/* A map by name to structures whose first member is the name. */
#define MAP(type_name, member, object_)                                                            \
    .shape = SHAPE_MAP, .offset = COUNTED_AT(type_name, member), .key_type = &value_name,          \
    .object = &(object_)

/* A map to structures whose first member is of the key's type and whose member `value` is of the
 * value's. */
#define PAIRS(key_type_, element, value, value_type_)                                              \
    .shape = SHAPE_MAP, .key_type = &(key_type_), .type = &(value_type_),                          \
    .element_bytes = sizeof(struct element), .value_offset = offsetof(struct element, value)
#define PAIRS_IN(type_name, member, key_type_, element, value, value_type_)                        \
    PAIRS(key_type_, element, value, value_type_), .offset = COUNTED_AT(type_name, member)

#define BOUNDS(least, most) .min = (least), .max = (most)
#define DEFAULT(value) .has_fallback = true, .fallback = (value)

#define OBJECT_OF(object_name, type_name, keys_)                                                   \
    .name = object_name, .keys = keys_, .keys_count = ARRAY_LEN(keys_),                            \
    .bytes = sizeof(struct type_name)

#endif
