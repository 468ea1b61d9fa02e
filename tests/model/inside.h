/* SPDX-License-Identifier: MIT
 *
 * inside.h - between the model's own files.
 */
#ifndef VOW_TESTS_MODEL_INSIDE_H
#define VOW_TESTS_MODEL_INSIDE_H

#include "model.h"

void m_push(struct m_list *list, struct m_promise *p);
void m_insert(struct m_list *list, size_t at, struct m_promise *p);
size_t m_find(const struct m_list *list, const struct m_promise *p);
void m_remove(struct m_list *list, const struct m_promise *p);
struct m_promise *m_make(struct model *m, enum m_kind kind);
void m_free(struct model *m, struct m_promise *p);
bool m_settled(const struct m_promise *p);
bool m_derived(const struct m_promise *p);
bool m_wanted(const struct m_promise *p);
bool m_only_wanter(const struct m_promise *s, const struct m_promise *c);
void m_wake(struct model *m);
void m_enqueue(struct model *m, struct m_promise *p);
void m_settle(struct model *m, struct m_promise *p, struct m_value outcome);
void m_resolve_with(struct model *m, struct m_promise *p, struct m_value v);
struct m_value m_take_outcome(struct m_promise *s);
int m_cannot_wait(struct model *m, struct m_promise *c, struct m_promise *q);
void m_wait_for(struct model *m, struct m_promise *c, struct m_promise *s);
struct m_promise *m_derive(struct model *m, struct m_promise *p, enum m_kind kind);
struct m_promise *m_refuse(struct model *m, struct m_promise *p, bool destroy, uint32_t who);
struct m_promise *m_leave_source(struct model *m, struct m_promise *c);
void m_drop(struct model *m, struct m_promise *p);
void m_drop_if_unwanted(struct model *m, struct m_promise *p);
void m_drop_pinned(struct model *m, struct m_promise *p);
void m_drop_parked(struct model *m);
void m_cancel_inside(struct model *m, struct m_promise *p);
void m_splice_follower(struct model *m, struct m_promise *p);
void m_now_handled(struct model *m, struct m_promise *p);
void m_unseen_if_left(struct model *m, struct m_promise *s);
void m_report_error(struct model *m, struct m_value error);
void m_report_unseen(struct model *m);
void m_stop_source(struct model *m, struct m_promise *p, struct m_value error);
void m_user_begin(struct model *m, struct m_promise *p);
bool m_user_end(struct model *m, struct m_promise *p);
void m_element_settled(struct model *m, struct m_promise *e, struct m_promise *input);
void m_decide(struct model *m, struct m_promise *c, struct m_value result);
void m_set_result(struct model *m, struct m_promise *c, struct m_value result);
void m_let_go(struct model *m, struct m_promise *c, struct m_promise *e);
void m_deliver(struct model *m, struct m_promise *c);
void m_cancel_losers(struct model *m, struct m_promise *c);
void m_release_state(struct model *m, struct m_promise *c);
void m_append(struct m_values *values, struct m_value v);
void m_notify_next(struct model *m, struct m_condition *c);
void m_leave_channel(struct model *m, struct m_promise *p);
struct m_value m_parcel(struct model *m, struct m_value v); /* takes v; from nowhere yet */
void m_parcel_gone(struct model *m, struct m_value parcel); /* nobody has it any more */
void m_free_channels(struct model *m);
bool m_add_input(struct model *m, struct m_promise *c, struct m_promise *input, uint64_t index);
void m_scope_input(struct model *m, struct m_promise *c, uint64_t index, struct m_value outcome);
void m_scope_last(struct model *m, struct m_promise *c);
void m_scope_end(struct model *m, struct m_scope *s, struct m_value why);
void m_scope_failed(struct model *m, struct m_scope *s, struct m_value error);
void m_scope_start_some(struct model *m, struct m_scope *s);
void m_scope_starter_came(struct model *m, struct m_scope *s);
void m_scope_drop_starts(struct model *m, struct m_scope *s);
void m_scope_look(struct model *m, struct m_scope *s);
void m_call_joiners(struct model *m, struct m_scope *s, struct m_value v);
void m_leave_joiners(struct model *m, struct m_promise *p);
void m_scope_unref(struct model *m, struct m_scope *s);
struct m_promise *m_scope_step(struct model *m, struct m_scope *s, struct m_promise *p,
                               enum m_kind kind, enum m_step step);
struct m_value m_step(struct model *m, struct m_promise *c, struct m_value in);
struct m_promise *m_tie(struct model *m, struct m_list *ties, struct m_promise *p);
void m_end_ties(struct model *m, struct m_list *ties, struct m_value error, bool drop);
void m_notify(struct model *m, struct m_condition *c, struct m_promise *p);
void m_leave_line(struct model *m, struct m_promise *p);
void m_end_use(struct model *m, struct m_use *use);
void m_free_locks(struct model *m);
void m_destroy_attached(struct model *m, const struct m_promise *c);
void m_free_scopes(struct model *m);
void m_fiber_goes_on(struct model *m, struct m_promise *c, struct m_value in);
void m_drop_fiber(struct model *m, struct m_promise *c);
void m_finish(struct model *m);
size_t m_serve(struct model *m, size_t most);
size_t m_handles(const struct model *m);
size_t m_pending(const struct model *m);

#endif
