/* SPDX-License-Identifier: MIT
 *
 * text.c - texts of events, built by hand, for they are most of what a program costs.
 */
#include "world.h"

void text_add(struct text *text, const char *s)
{
    for (; *s; s++) {
        text->hash = (text->hash ^ (uint8_t)*s) * 0x100000001B3u;
        if (text->used + 1 < sizeof text->at) {
            text->at[text->used] = *s;
            text->at[text->used + 1] = '\0';
        }
        text->used++;
    }
}

void text_number(struct text *text, uint64_t number)
{
    char digits[24], *at = digits + sizeof digits;
    *--at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    text_add(text, at);
}
