//! Rows that other tests send, rows that do not apply, and rows that nobody has looked at yet.

/// Ids, and the test that covers them.
pub const COVERED: &[(&str, &str)] = &[
    (
        "A-04",
        "tests/api/bad_input/fields.rs::sign_up_takes_nothing_that_breaks_a_rule",
    ),
    (
        "A-37",
        "tests/api/vendor_cancel.rs::namespace_of_a_cancelled_vendor_is_never_given_again",
    ),
    (
        "A-42 B-32 E-08 E-09 E-21",
        "tests/api/bad_input/credentials.rs::connectors_digests_are_taken_as_they_are_or_not_at_all",
    ),
    (
        "B-23",
        "tests/api/isolation.rs::sites_of_another_vendor_are_not_there",
    ),
    (
        "B-29",
        "tests/api/isolation.rs::the_same_access_key_finds_each_vendor_its_own",
    ),
    (
        "B-30",
        "tests/api/trustedlogin_sites.rs::same_access_key_extends_and_another_is_refused",
    ),
    (
        "C-01 C-02 C-04 C-06 C-07 C-09 C-14",
        "tests/api/bad_input/framing.rs::ambiguous_and_malformed_requests_are_refused",
    ),
    (
        "C-14",
        "tests/api/access.rs::other_methods_are_refused_with_those_that_are_allowed",
    ),
    (
        "C-10 C-11 C-12 C-30",
        "tests/api/bad_input/framing.rs::too_many_and_too_large_headers_are_refused",
    ),
    (
        "C-05 C-21 D-17",
        "tests/api/bad_input/framing.rs::bodies_are_counted_as_they_come_and_not_waited_for",
    ),
    (
        "C-15 C-16 C-17 C-20 C-24 C-25 C-29",
        "tests/api/bad_input/framing.rs::headers_that_would_steer_a_proxy_steer_nothing_here",
    ),
    (
        "C-19",
        "tests/api/limits.rs::each_address_behind_a_trusted_proxy_has_its_own_budget",
    ),
    (
        "C-22 D-16",
        "tests/api/bad_input/bodies.rs::bodies_that_are_not_what_they_say_are_refused",
    ),
    (
        "C-27",
        "tests/api/bad_input/framing.rs::pipelined_requests_are_answered_in_their_order",
    ),
    (
        "D-01 D-02 D-04 D-05 D-06 D-07 D-09 D-10 D-12 D-15 D-19 D-20 D-21",
        "tests/api/bad_input/every_route.rs::no_body_is_taken_that_is_not_what_it_says",
    ),
    (
        "D-01 D-02 D-04 D-05 D-06 D-07 D-09 D-10 D-12 D-15 D-19 D-20 D-21",
        "tests/api/bad_input/bodies.rs::bodies_that_are_not_what_they_say_are_refused",
    ),
    (
        "D-11 D-14 D-25 E-04",
        "tests/api/bad_input/fields.rs::site_takes_nothing_that_breaks_a_rule",
    ),
    (
        "D-22",
        "tests/api/trustedlogin_sites.rs::every_wrong_field_is_named_at_once",
    ),
    (
        "D-24",
        "tests/api/trustedlogin_sites.rs::envelope_is_stored_found_and_removed",
    ),
    (
        "D-26",
        "tests/api/bad_input/bodies.rs::many_names_of_one_body_are_refused_at_the_first",
    ),
    (
        "E-01 E-05 E-06",
        "tests/api/bad_input/credentials.rs::what_is_nobodys_is_told_so_and_no_more",
    ),
    (
        "E-03",
        "tests/api/bad_input/urls.rs::query_parameters_are_a_closed_list",
    ),
    (
        "E-10 E-11 E-13 E-14 E-15 E-16 E-20",
        "tests/api/bad_input/credentials.rs::unsigned_forged_and_stale_webhooks_are_refused",
    ),
    (
        "E-18",
        "src/webhooks/sign.rs::signatures_of_either_secret_hold_and_nothing_else",
    ),
    (
        "E-24",
        "tests/api/trustedlogin_sites.rs::unpaid_and_paused_vendors_are_told_so",
    ),
    (
        "E-26",
        "tests/api/users_sessions.rs::own_password_needs_the_current_one_and_ends_the_rest",
    ),
    (
        "E-26",
        "tests/api/access/ended.rs::who_has_ended_is_refused_at_every_route_as_one_who_never_was",
    ),
    (
        "E-28 E-29",
        "tests/api/access.rs::every_route_serves_its_callers_and_nobody_else",
    ),
    (
        "E-30",
        "tests/api/connector_nonces.rs::nonce_of_the_connector_is_good_and_others_are_refused",
    ),
    (
        "E-30",
        "tests/api/connector_nonces.rs::nonce_is_good_once_on_all_replicas",
    ),
    (
        "E-33 E-35 E-36",
        "tests/api/idempotency.rs::same_request_of_the_same_caller_is_done_once",
    ),
    (
        "E-34",
        "tests/api/idempotency.rs::fifty_at_once_at_two_replicas_make_one_token",
    ),
    (
        "E-38",
        "tests/api/idempotency.rs::secret_is_given_again_for_ten_minutes_and_anything_for_a_day",
    ),
    (
        "E-39 JW-25 JW-26",
        "tests/api/oauth.rs::form_is_read_to_the_letter",
    ),
    (
        "JW-01 JW-02 JW-04 JW-07 JW-09 JW-10 JW-11 JW-12 JW-15 JW-16 JW-17 JW-24",
        "tests/api/signed_attacks.rs::nothing_but_what_the_vendor_signed_is_taken",
    ),
    (
        "JW-05 JW-06 JW-14",
        "tests/api/signed_attacks.rs::wrong_tokens_reach_neither_database_nor_network_nor_files",
    ),
    (
        "JW-16 JW-17",
        "src/auth/jwt/tests.rs::what_can_be_read_in_two_ways_is_malformed",
    ),
    (
        "JW-19",
        "src/auth/jwt/tests.rs::keys_that_are_weak_or_for_something_else_are_none",
    ),
    (
        "JW-20",
        "tests/api/federation_changes.rs::token_that_counts_once_is_exchanged_once_across_replicas",
    ),
    (
        "JW-21",
        "tests/api/federation_keys.rs::key_that_its_issuer_took_out_is_worth_nothing_a_minute_later",
    ),
    (
        "JW-22",
        "tests/api/federation_keys.rs::keys_outlive_their_server_for_an_hour",
    ),
    (
        "JW-22",
        "tests/api/federation_keys.rs::slow_issuers_are_not_waited_for",
    ),
    (
        "JW-27",
        "tests/api/oauth.rs::workers_and_users_get_no_more_than_they_have",
    ),
    (
        "G-04 G-05 G-08 G-12",
        "tests/api/lockbox_list.rs::filters_match_to_the_letter",
    ),
    (
        "G-02 G-07",
        "tests/api/lockbox_list.rs::other_sorts_and_filters_are_refused_by_name",
    ),
    (
        "H-21 H-23",
        "tests/api/rebinding.rs::webhook_goes_to_the_address_that_was_judged_or_nowhere",
    ),
    (
        "H-24",
        "src/egress/tests.rs::of_a_thousand_addresses_eight_are_tried_and_one_that_is_refused_refuses_all",
    ),
    // Its processes have proxies in their environment that lead nowhere.
    (
        "H-25",
        "tests/api/random_kills.rs::under_load_each_key_makes_one_token_however_often_the_process_dies",
    ),
    (
        "H-26",
        "tests/api/webhooks_answers.rs::redirects_are_failures_and_not_followed",
    ),
    (
        "H-28",
        "tests/api/webhooks_out.rs::certificate_of_the_receiver_is_checked",
    ),
    (
        "H-29",
        "tests/api/webhooks_answers.rs::answers_without_end_take_neither_time_nor_memory",
    ),
    // The design has ten.
    (
        "H-31",
        "tests/api/webhooks.rs::what_breaks_a_rule_is_refused",
    ),
    (
        "I-06",
        "tests/api/bad_input/every_route.rs::no_field_takes_down_the_service_or_comes_back",
    ),
    (
        "I-09",
        "tests/api/timeline_export.rs::cells_are_no_formulas",
    ),
    (
        "I-09",
        "src/access_logs/timeline/export.rs::formulas_are_no_formulas_any_more",
    ),
    (
        "I-12",
        "tests/api/bad_input/framing.rs::headers_that_would_steer_a_proxy_steer_nothing_here",
    ),
    (
        "J-09",
        "tests/api/users_sessions.rs::own_password_needs_the_current_one_and_ends_the_rest",
    ),
    (
        "J-10 J-11",
        "tests/api/users_throttle.rs::no_variant_address_or_place_is_a_way_around",
    ),
    (
        "J-12",
        "tests/api/users_throttle.rs::strangers_do_not_lock_an_owner_out",
    ),
    (
        "J-14",
        "tests/api/users_throttle.rs::hundred_failures_need_an_administrator",
    ),
    (
        "J-15 E-23",
        "tests/api/users_throttle.rs::nobody_learns_which_names_exist",
    ),
    (
        "J-16",
        "tests/api/users_sessions.rs::no_user_is_there_that_nobody_made",
    ),
    (
        "J-19 J-20 J-21 J-24",
        "tests/api/users_totp.rs::codes_are_exact_of_their_time_and_good_once",
    ),
    (
        "J-22",
        "tests/api/users_totp.rs::wrong_codes_are_wrong_tries",
    ),
    (
        "J-25 J-26",
        "tests/api/lockbox_integrity.rs::changed_rows_are_refused_all_alike",
    ),
    (
        "J-26",
        "tests/api/lockbox_keys.rs::weakened_parameters_in_the_database_open_nothing",
    ),
    (
        "J-29",
        "tests/api/lockbox.rs::lockbox_is_initialized_locked_and_unlocked",
    ),
    (
        "J-30",
        "tests/api/lockbox_replicas.rs::all_stopped_and_started_again_it_is_locked",
    ),
    ("J-31", "tests/api/lockbox.rs::fields_are_checked"),
    (
        "J-32",
        "tests/api/credential_models.rs::two_hundred_bad_values_are_refused_and_store_nothing",
    ),
    (
        "K-10",
        "tests/api/token_terms.rs::uses_and_lives_end_at_openbao",
    ),
    (
        "K-12",
        "tests/api/token_terms.rs::openbao_enforces_what_was_asked_for",
    ),
    (
        "G-24",
        "src/access_logs/timeline/export.rs::so_many_at_once",
    ),
    (
        "G-20",
        "tests/api/timeline_scale.rs::scaled_page_takes_no_longer_over_many_rows_than_over_few",
    ),
    (
        "G-24",
        "tests/api/timeline_export.rs::large_file_is_read_as_it_is_taken_and_breaks_off_visibly",
    ),
];

/// Ids, and why they do not apply.
pub const NOT_OURS: &[(&str, &str)] = &[
    (
        "E-31",
        "the Idempotency-Key is optional by the design: no route requires it",
    ),
    (
        "J-04 J-27",
        "the lockbox follows RPort's contract: passwords of 4 to 32 bytes, and its own answers while locked",
    ),
    ("I-11", "the service sends no mail"),
];

/// Ids for which no test is known that sends all that they name, and what is missing.
pub const OPEN: &[(&str, &str)] = &[
    ("B-33", "a path of one account with a body of another"),
    (
        "C-26",
        "TLS 1.0 and 1.1, weak suites, another name: the TLS tests do not try them",
    ),
    (
        "E-19",
        "a sign-up secret of 23 and of 65 bytes at the start",
    ),
    (
        "E-25",
        "what stands for a refresh token: a session after its successor was made",
    ),
    ("I-02", "BEL, U+202E and U+2028 in names that are stored"),
    ("I-08", "names in Content-Disposition"),
    (
        "J-17",
        "a temporary password used again, and after its end, in one table",
    ),
    (
        "K-07",
        "an end that is put off after expiry and after a revocation",
    ),
    (
        "K-09",
        "a token that cannot be renewed, renewed through the service",
    ),
];
