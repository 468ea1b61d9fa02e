/* SPDX-License-Identifier: MIT
 *
 * adapt/pause.c - see pause.h.
 */
#include "adapt/pause.h"

#include <errno.h>

static vow_value end(vow_value v, void *data)
{
    struct vow__pause *pause = data;
    pause->end = vow_unref(pause->end);
    pause->over(pause->data, vow_is_error(v) ? vow_error_code(vow_as_error(v)) : 0);
    return vow_none();
}

int vow__pause_begin(vow_loop *loop, struct vow__pause *pause)
{
    uint64_t ms = pause->ms ? 2 * pause->ms : pause->first;
    pause->ms = ms < pause->most ? ms : pause->most;
    pause->end = vow_handle(vow_delay(loop, pause->ms), end, pause);
    if (!vow__settled(pause->end))
        return 0;
    vow_mark_handled(pause->end);
    vow__pause_stop(pause);
    return ENOMEM;
}

void vow__pause_stop(struct vow__pause *pause) { pause->end = vow_unref(pause->end); }
