


SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;


CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);



CREATE TABLE public.answers (
    key character varying NOT NULL,
    request character varying NOT NULL,
    at timestamp with time zone NOT NULL,
    status integer,
    body bytea,
    content_type character varying
);



CREATE TABLE public.audit (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    who character varying NOT NULL,
    what character varying NOT NULL,
    about character varying NOT NULL,
    detail jsonb
);



CREATE SEQUENCE public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.audit_id_seq OWNED BY public.audit.id;



CREATE TABLE public.backtests (
    id bigint NOT NULL,
    rule_id character varying NOT NULL,
    revision character varying NOT NULL,
    made_at timestamp with time zone NOT NULL,
    by character varying NOT NULL,
    start timestamp with time zone NOT NULL,
    "end" timestamp with time zone NOT NULL,
    against character varying NOT NULL,
    figures jsonb NOT NULL,
    plots jsonb NOT NULL,
    page character varying,
    page_kept boolean NOT NULL
);



CREATE SEQUENCE public.backtests_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.backtests_id_seq OWNED BY public.backtests.id;



CREATE TABLE public.calls (
    id bigint NOT NULL,
    account character varying NOT NULL,
    operation character varying NOT NULL,
    targets integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    outcome character varying,
    status integer,
    error character varying
);



CREATE SEQUENCE public.calls_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.calls_id_seq OWNED BY public.calls.id;



CREATE TABLE public.channel_health (
    channel character varying NOT NULL,
    failures integer NOT NULL,
    failing_since timestamp with time zone,
    open_until timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_why character varying
);



CREATE TABLE public.conversion_delays (
    id bigint NOT NULL,
    account character varying NOT NULL,
    integration character varying NOT NULL,
    offer character varying NOT NULL,
    p50 integer NOT NULL,
    p90 integer NOT NULL,
    sample integer NOT NULL,
    measured_at timestamp with time zone NOT NULL
);



CREATE SEQUENCE public.conversion_delays_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.conversion_delays_id_seq OWNED BY public.conversion_delays.id;



CREATE TABLE public.effect_calls (
    effect_id bigint NOT NULL,
    call_id bigint NOT NULL
);



CREATE TABLE public.effects (
    id bigint NOT NULL,
    plan_id bigint NOT NULL,
    rule_id character varying NOT NULL,
    step character varying NOT NULL,
    verb character varying NOT NULL,
    kind character varying NOT NULL,
    target_id character varying NOT NULL,
    account character varying NOT NULL,
    integration character varying NOT NULL,
    subject character varying NOT NULL,
    wanted jsonb NOT NULL,
    key jsonb NOT NULL,
    prior jsonb,
    after jsonb NOT NULL,
    hold jsonb,
    releases integer,
    urgent boolean NOT NULL,
    money_24h bigint,
    reason character varying NOT NULL,
    state character varying NOT NULL,
    due_at timestamp with time zone,
    sent_at timestamp with time zone,
    ended_at timestamp with time zone,
    result jsonb,
    error character varying,
    overtaken_by integer,
    claimed_by character varying,
    claimed_until timestamp with time zone,
    fence integer NOT NULL,
    attempts integer NOT NULL,
    CONSTRAINT ck_effects_state CHECK (((state)::text = ANY ((ARRAY['planned'::character varying, 'claimed'::character varying, 'sent'::character varying, 'applied'::character varying, 'skipped'::character varying, 'failed'::character varying, 'unknown'::character varying])::text[])))
);



CREATE SEQUENCE public.effects_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.effects_id_seq OWNED BY public.effects.id;



CREATE TABLE public.entities (
    id bigint NOT NULL,
    account character varying NOT NULL,
    integration character varying NOT NULL,
    kind character varying NOT NULL,
    ref character varying NOT NULL,
    number character varying,
    parent character varying,
    name character varying,
    active boolean,
    fields jsonb NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    gone_at timestamp with time zone
);



CREATE SEQUENCE public.entities_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.entities_id_seq OWNED BY public.entities.id;



CREATE TABLE public.entity_changes (
    id bigint NOT NULL,
    account character varying NOT NULL,
    integration character varying NOT NULL,
    kind character varying NOT NULL,
    ref character varying NOT NULL,
    field character varying NOT NULL,
    before jsonb,
    after jsonb,
    after_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    cause character varying NOT NULL,
    rule character varying,
    effect_id integer
);



CREATE SEQUENCE public.entity_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.entity_changes_id_seq OWNED BY public.entity_changes.id;



CREATE TABLE public.events (
    id character varying NOT NULL,
    source character varying NOT NULL,
    event_type character varying,
    delivery_id character varying,
    dedupe_key character varying NOT NULL,
    method character varying NOT NULL,
    content_type character varying,
    headers jsonb NOT NULL,
    query jsonb NOT NULL,
    body bytea NOT NULL,
    remote character varying,
    received_at timestamp with time zone NOT NULL,
    event_time timestamp with time zone,
    state character varying NOT NULL,
    problem character varying,
    finished_at timestamp with time zone,
    replay_of character varying,
    traceparent character varying,
    replay_with character varying,
    claimed_by character varying,
    claimed_until timestamp with time zone,
    fence integer NOT NULL,
    attempts integer NOT NULL
);



CREATE TABLE public.export_starts (
    id bigint NOT NULL,
    account character varying NOT NULL,
    at timestamp with time zone NOT NULL
);



CREATE SEQUENCE public.export_starts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.export_starts_id_seq OWNED BY public.export_starts.id;



CREATE TABLE public.feed_marks (
    id bigint NOT NULL,
    feed_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    as_of timestamp with time zone NOT NULL
);



CREATE SEQUENCE public.feed_marks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.feed_marks_id_seq OWNED BY public.feed_marks.id;



CREATE TABLE public.feeds (
    id bigint NOT NULL,
    account character varying NOT NULL,
    integration character varying NOT NULL,
    kind character varying NOT NULL,
    since timestamp with time zone,
    as_of timestamp with time zone,
    rescanned_at timestamp with time zone,
    rescan_pages integer NOT NULL,
    scans jsonb NOT NULL,
    refused_rows integer NOT NULL,
    problem character varying,
    alerted_at timestamp with time zone
);



CREATE SEQUENCE public.feeds_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.feeds_id_seq OWNED BY public.feeds.id;



CREATE TABLE public.generations (
    id bigint NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    digest character varying NOT NULL,
    problems jsonb NOT NULL
);



CREATE SEQUENCE public.generations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.generations_id_seq OWNED BY public.generations.id;



CREATE TABLE public.halts (
    id bigint NOT NULL,
    since timestamp with time zone NOT NULL,
    by character varying NOT NULL,
    why character varying NOT NULL,
    ended_at timestamp with time zone,
    ended_by character varying
);



CREATE SEQUENCE public.halts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.halts_id_seq OWNED BY public.halts.id;



CREATE TABLE public.handovers (
    token_hash character varying NOT NULL,
    effect_id integer NOT NULL,
    about character varying NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);



CREATE TABLE public.heartbeats (
    name character varying NOT NULL,
    at timestamp with time zone NOT NULL,
    detail jsonb
);



CREATE TABLE public.holds (
    id bigint NOT NULL,
    rule_id character varying NOT NULL,
    effect_id integer,
    account character varying NOT NULL,
    integration character varying NOT NULL,
    kind character varying NOT NULL,
    target_id character varying NOT NULL,
    subject character varying NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone,
    count integer NOT NULL,
    we_paused boolean NOT NULL,
    state character varying NOT NULL,
    ended_at timestamp with time zone,
    ended_by character varying,
    ended_why character varying
);



CREATE SEQUENCE public.holds_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.holds_id_seq OWNED BY public.holds.id;



CREATE TABLE public.hushes (
    id bigint NOT NULL,
    channel character varying,
    rule_id character varying,
    topic character varying,
    until timestamp with time zone NOT NULL,
    by character varying NOT NULL,
    why character varying NOT NULL
);



CREATE SEQUENCE public.hushes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.hushes_id_seq OWNED BY public.hushes.id;



CREATE TABLE public.live_revisions (
    generation_id bigint NOT NULL,
    rule_id character varying NOT NULL,
    hash character varying NOT NULL,
    stale boolean NOT NULL
);



CREATE TABLE public.mutes (
    rule_id character varying NOT NULL,
    account character varying NOT NULL,
    kind character varying NOT NULL,
    target_id character varying NOT NULL,
    until timestamp with time zone NOT NULL,
    why character varying NOT NULL
);



CREATE TABLE public.newest (
    line character varying NOT NULL,
    about character varying NOT NULL,
    value character varying NOT NULL,
    event_id character varying NOT NULL,
    received_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone NOT NULL
);



CREATE TABLE public.notices (
    id bigint NOT NULL,
    channel character varying NOT NULL,
    topic character varying NOT NULL,
    dedupe_key character varying NOT NULL,
    rule_id character varying,
    owner character varying,
    text character varying NOT NULL,
    data jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    state character varying NOT NULL,
    ended_at timestamp with time zone,
    error character varying,
    claimed_by character varying,
    claimed_until timestamp with time zone,
    fence integer NOT NULL,
    attempts integer NOT NULL,
    CONSTRAINT ck_notices_state CHECK (((state)::text = ANY ((ARRAY['waiting'::character varying, 'sent'::character varying, 'silenced'::character varying, 'failed'::character varying])::text[])))
);



CREATE SEQUENCE public.notices_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.notices_id_seq OWNED BY public.notices.id;



CREATE TABLE public.observation_chunks (
    id bigint NOT NULL,
    feed_id bigint NOT NULL,
    level integer NOT NULL,
    count integer NOT NULL,
    first_event timestamp with time zone NOT NULL,
    last_event timestamp with time zone NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    replaces jsonb NOT NULL,
    size integer NOT NULL,
    columns bytea NOT NULL
);



CREATE SEQUENCE public.observation_chunks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.observation_chunks_id_seq OWNED BY public.observation_chunks.id;



CREATE TABLE public.plans (
    id bigint NOT NULL,
    run_id bigint NOT NULL,
    rule_id character varying NOT NULL,
    state character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    stops jsonb NOT NULL,
    money_24h bigint,
    on_failure character varying NOT NULL,
    decide_by timestamp with time zone,
    decided_by character varying,
    decided_at timestamp with time zone,
    decision character varying,
    note character varying,
    difference jsonb,
    canary character varying,
    undoes integer,
    ended_at timestamp with time zone,
    CONSTRAINT ck_plans_state CHECK (((state)::text = ANY ((ARRAY['nothing'::character varying, 'shadow'::character varying, 'waiting'::character varying, 'ready'::character varying, 'stopped'::character varying, 'dropped'::character varying, 'done'::character varying])::text[])))
);



CREATE SEQUENCE public.plans_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.plans_id_seq OWNED BY public.plans.id;



CREATE TABLE public.revisions (
    hash character varying NOT NULL,
    rule_id character varying NOT NULL,
    file character varying NOT NULL,
    text character varying NOT NULL,
    first_seen_at timestamp with time zone NOT NULL
);



CREATE TABLE public.runs (
    id bigint NOT NULL,
    rule_id character varying NOT NULL,
    revision character varying NOT NULL,
    mode character varying NOT NULL,
    cause character varying NOT NULL,
    cause_key character varying NOT NULL,
    event_id character varying,
    due_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    data_as_of timestamp with time zone,
    yes integer NOT NULL,
    no integer NOT NULL,
    no_decision integer NOT NULL,
    traceparent character varying,
    outcome character varying NOT NULL,
    error character varying,
    answers bytea,
    by character varying
);



CREATE SEQUENCE public.runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.runs_id_seq OWNED BY public.runs.id;



CREATE TABLE public.sign_in_tries (
    key character varying NOT NULL,
    since timestamp with time zone NOT NULL,
    number integer NOT NULL
);



CREATE TABLE public.sign_ins (
    digest character varying NOT NULL,
    token_id bigint,
    user_id bigint,
    begun_at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT ck_sign_ins_one_visitor CHECK (((token_id IS NULL) <> (user_id IS NULL)))
);



CREATE TABLE public.slots (
    id bigint NOT NULL,
    kind character varying NOT NULL,
    key character varying NOT NULL,
    at timestamp with time zone NOT NULL,
    state character varying NOT NULL,
    ended_at timestamp with time zone,
    problem character varying,
    progress jsonb,
    claimed_by character varying,
    claimed_until timestamp with time zone,
    fence integer NOT NULL,
    attempts integer NOT NULL
);



CREATE SEQUENCE public.slots_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.slots_id_seq OWNED BY public.slots.id;



CREATE TABLE public.streaks (
    rule_id character varying NOT NULL,
    subject character varying NOT NULL,
    since timestamp with time zone,
    looks integer NOT NULL,
    counted_at timestamp with time zone NOT NULL
);



CREATE TABLE public.tokens (
    id bigint NOT NULL,
    name character varying NOT NULL,
    role character varying NOT NULL,
    prefix character varying NOT NULL,
    hash character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by character varying NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone
);



CREATE SEQUENCE public.tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.tokens_id_seq OWNED BY public.tokens.id;



CREATE TABLE public.trials (
    id bigint NOT NULL,
    rule_id character varying NOT NULL,
    revision character varying NOT NULL,
    start timestamp with time zone NOT NULL,
    "end" timestamp with time zone NOT NULL,
    step_seconds integer,
    against character varying NOT NULL,
    by character varying NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    state character varying NOT NULL,
    looks integer,
    looks_done integer NOT NULL,
    looking_at timestamp with time zone,
    ended_at timestamp with time zone,
    problem character varying,
    backtest_id integer,
    claimed_by character varying,
    claimed_until timestamp with time zone,
    fence integer NOT NULL,
    attempts integer NOT NULL
);



CREATE SEQUENCE public.trials_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.trials_id_seq OWNED BY public.trials.id;



CREATE TABLE public.troubles (
    key character varying NOT NULL,
    since timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    text character varying NOT NULL
);



CREATE TABLE public.turns (
    name character varying NOT NULL,
    holder character varying,
    until timestamp with time zone,
    fence integer NOT NULL
);



CREATE TABLE public.usage (
    account character varying NOT NULL,
    hour timestamp with time zone NOT NULL,
    operation character varying NOT NULL,
    outcome character varying NOT NULL,
    requests integer NOT NULL,
    waited double precision NOT NULL,
    took double precision NOT NULL,
    slowest double precision NOT NULL
);



CREATE TABLE public.users (
    id bigint NOT NULL,
    name character varying NOT NULL,
    folded character varying NOT NULL,
    email character varying,
    role character varying NOT NULL,
    hash character varying,
    must_change boolean NOT NULL,
    subject character varying,
    created_at timestamp with time zone NOT NULL,
    created_by character varying NOT NULL,
    last_sign_in_at timestamp with time zone,
    disabled_at timestamp with time zone
);



CREATE SEQUENCE public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.users_id_seq OWNED BY public.users.id;



CREATE TABLE public.verdicts (
    id bigint NOT NULL,
    run_id bigint NOT NULL,
    subject character varying NOT NULL,
    answer integer NOT NULL,
    why character varying NOT NULL,
    reason character varying NOT NULL,
    trace jsonb NOT NULL
);



CREATE SEQUENCE public.verdicts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.verdicts_id_seq OWNED BY public.verdicts.id;



ALTER TABLE ONLY public.audit ALTER COLUMN id SET DEFAULT nextval('public.audit_id_seq'::regclass);



ALTER TABLE ONLY public.backtests ALTER COLUMN id SET DEFAULT nextval('public.backtests_id_seq'::regclass);



ALTER TABLE ONLY public.calls ALTER COLUMN id SET DEFAULT nextval('public.calls_id_seq'::regclass);



ALTER TABLE ONLY public.conversion_delays ALTER COLUMN id SET DEFAULT nextval('public.conversion_delays_id_seq'::regclass);



ALTER TABLE ONLY public.effects ALTER COLUMN id SET DEFAULT nextval('public.effects_id_seq'::regclass);



ALTER TABLE ONLY public.entities ALTER COLUMN id SET DEFAULT nextval('public.entities_id_seq'::regclass);



ALTER TABLE ONLY public.entity_changes ALTER COLUMN id SET DEFAULT nextval('public.entity_changes_id_seq'::regclass);



ALTER TABLE ONLY public.export_starts ALTER COLUMN id SET DEFAULT nextval('public.export_starts_id_seq'::regclass);



ALTER TABLE ONLY public.feed_marks ALTER COLUMN id SET DEFAULT nextval('public.feed_marks_id_seq'::regclass);



ALTER TABLE ONLY public.feeds ALTER COLUMN id SET DEFAULT nextval('public.feeds_id_seq'::regclass);



ALTER TABLE ONLY public.generations ALTER COLUMN id SET DEFAULT nextval('public.generations_id_seq'::regclass);



ALTER TABLE ONLY public.halts ALTER COLUMN id SET DEFAULT nextval('public.halts_id_seq'::regclass);



ALTER TABLE ONLY public.holds ALTER COLUMN id SET DEFAULT nextval('public.holds_id_seq'::regclass);



ALTER TABLE ONLY public.hushes ALTER COLUMN id SET DEFAULT nextval('public.hushes_id_seq'::regclass);



ALTER TABLE ONLY public.notices ALTER COLUMN id SET DEFAULT nextval('public.notices_id_seq'::regclass);



ALTER TABLE ONLY public.observation_chunks ALTER COLUMN id SET DEFAULT nextval('public.observation_chunks_id_seq'::regclass);



ALTER TABLE ONLY public.plans ALTER COLUMN id SET DEFAULT nextval('public.plans_id_seq'::regclass);



ALTER TABLE ONLY public.runs ALTER COLUMN id SET DEFAULT nextval('public.runs_id_seq'::regclass);



ALTER TABLE ONLY public.slots ALTER COLUMN id SET DEFAULT nextval('public.slots_id_seq'::regclass);



ALTER TABLE ONLY public.tokens ALTER COLUMN id SET DEFAULT nextval('public.tokens_id_seq'::regclass);



ALTER TABLE ONLY public.trials ALTER COLUMN id SET DEFAULT nextval('public.trials_id_seq'::regclass);



ALTER TABLE ONLY public.users ALTER COLUMN id SET DEFAULT nextval('public.users_id_seq'::regclass);



ALTER TABLE ONLY public.verdicts ALTER COLUMN id SET DEFAULT nextval('public.verdicts_id_seq'::regclass);



INSERT INTO public.alembic_version VALUES
	('0001');



INSERT INTO public.answers VALUES
	('text', 'text', '2026-03-02 12:00:00+00', NULL, NULL, NULL);



INSERT INTO public.audit VALUES
	(1, '2026-03-02 12:10:00+00', 'ann', 'halt', 'service', '{"why": "an example"}'),
	(2, '2026-03-02 12:10:00+00', 'ann', 'resume', 'service', 'null');



INSERT INTO public.backtests VALUES
	(1, 'text', 'text', '2026-03-02 12:00:00+00', 'text', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 'text', '{}', '{}', NULL, false);



INSERT INTO public.calls VALUES
	(1, 'main', 'offers.set_status', 1, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 'ok', NULL, NULL),
	(2, 'main', 'offers.get', 1, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 'ok', NULL, NULL),
	(3, 'main', 'publishers.list', 1, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 'ok', NULL, NULL),
	(4, 'main', 'publishers.create', 1, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 'ok', NULL, NULL),
	(5, 'main', 'users.list', 1, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 'ok', NULL, NULL),
	(6, 'main', 'users.create', 1, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 'ok', NULL, NULL);



INSERT INTO public.channel_health VALUES
	('text', 0, NULL, NULL, NULL, NULL);



INSERT INTO public.conversion_delays VALUES
	(1, 'text', 'text', 'text', 1, 1, 1, '2026-03-02 12:00:00+00');



INSERT INTO public.effect_calls VALUES
	(2, 1),
	(3, 4),
	(4, 6);



INSERT INTO public.effects VALUES
	(1, 1, 'ask-first', '1', 'pause', 'offer', 'el3guxntcc', 'main', 'default', 'event=01M87CSJ6V8P8CVFF5P0CQXRZG', '{"active": false}', '{}', '{"active": true}', '[]', '{"tz": "UTC", "kind": "duration", "count": 1, "until": "2026-03-03T00:00:00+00:00", "seconds": 43200.0}', NULL, true, NULL, 'body.offer matches the pattern', 'planned', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0),
	(2, 2, 'bad-offer', '1', 'pause', 'offer', 'iw8uo9b4kf', 'main', 'default', 'event=01M87CSJ6R0X0JBCE9HBFZR3QR', '{"active": false}', '{}', '{"active": true}', '[]', '{"tz": "UTC", "kind": "duration", "count": 1, "until": "2026-03-03T00:00:00+00:00", "seconds": 43200.0}', NULL, true, NULL, 'body.offer matches the pattern', 'applied', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', '{"ids": ["1001", "iw8uo9b4kf"], "active": false}', NULL, NULL, NULL, NULL, 1, 1),
	(3, 3, 'onboarding', 'pub', 'ensure', 'publisher', 'email=ann@example.com', 'main', 'default', 'event=01M87CSJ6H14ZVABBAZNXWE0PQ', '{"name": "Ann Ltd", "email": "ann@example.com", "active": true}', '{"email": "ann@example.com"}', 'null', '[]', 'null', NULL, false, NULL, 'body.email matches the pattern', 'applied', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', '{"id": "g9pdvdut8w", "created": true}', NULL, NULL, NULL, NULL, 1, 1),
	(4, 3, 'onboarding', '2', 'ensure', 'user', 'email=ann@example.com', 'main', 'default', 'event=01M87CSJ6H14ZVABBAZNXWE0PQ', '{"role": "accountManager", "email": "ann@example.com", "password": {"$generate": "password"}, "first_name": "g9pdvdut8w"}', '{"email": "ann@example.com"}', 'null', '["pub"]', 'null', NULL, false, NULL, 'body.email matches the pattern', 'applied', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', '{"id": "chnw8vrer9", "created": true, "handover": "gAAAAABrBdY3janrlemYvGTDlkFpoPvZug5f0RTJtq9-0tc3w2RODba6ik25zY2L6mKEUspVzX3ZvZm7vg5fQs1zZIjTAMRRiIa9t4lo46Cf2jTeOoDNj8DZBjKRm2_dBQMROs-Qgz-a"}', NULL, NULL, NULL, NULL, 1, 1);



INSERT INTO public.entities VALUES
	(1, 'main', 'default', 'advertiser', 'ncsbpcdp3e', '11', NULL, 'Advertiser', true, '{"id": "ncsbpcdp3e", "name": "Advertiser", "email": "", "phone": "", "active": true, "address": "", "country": "", "website": "", "last_name": "", "messenger": "", "created_at": "2026-03-02T12:00:00+00:00", "first_name": "", "manager_id": "", "updated_at": "2026-03-02T12:00:00+00:00", "description": "", "company_name": "", "organization": "0rganized1", "incremental_id": 11}', '2026-03-02 12:00:00+00', '2026-03-02 12:10:00+00', '2026-03-02 12:00:00+00', NULL),
	(2, 'main', 'default', 'publisher', 'hyplvqk2zi', '201', NULL, 'Publisher', true, '{"id": "hyplvqk2zi", "city": "", "name": "Publisher", "email": "", "phone": "", "active": true, "address": "", "country": "", "website": "", "timezone": "UTC", "countries": [], "last_name": "", "messenger": "", "created_at": "2026-03-02T12:00:00+00:00", "first_name": "", "manager_id": "", "updated_at": "2026-03-02T12:00:00+00:00", "description": "", "company_name": "", "organization": "0rganized1", "incremental_id": 201, "promotional_method": [], "tracking_domain_ids": []}', '2026-03-02 12:00:00+00', '2026-03-02 12:10:00+00', '2026-03-02 12:00:00+00', NULL),
	(5, 'main', 'default', 'publisher', 'g9pdvdut8w', '202', NULL, 'Ann Ltd', true, '{"id": "g9pdvdut8w", "city": "", "name": "Ann Ltd", "email": "ann@example.com", "phone": "", "active": true, "address": "", "country": "", "website": "", "timezone": "UTC", "countries": [], "last_name": "", "messenger": "", "created_at": "2026-03-02T12:00:00+00:00", "first_name": "", "manager_id": "", "updated_at": "2026-03-02T12:00:00+00:00", "description": "", "company_name": "", "organization": "0rganized1", "incremental_id": 202, "promotional_method": [], "tracking_domain_ids": []}', '2026-03-02 12:10:00+00', '2026-03-02 12:10:00+00', '2026-03-02 12:10:00+00', NULL),
	(3, 'main', 'default', 'offer', 'iw8uo9b4kf', '1001', NULL, 'Bad', true, '{"id": "iw8uo9b4kf", "name": "Bad", "active": true, "currency": "USD", "created_at": "2026-03-02T12:00:00+00:00", "updated_at": "2026-03-02T12:10:00+00:00", "visibility": "Public", "description": "", "integration": "s1mulated0", "fallback_url": "", "organization": "0rganized1", "advertiser_id": 11, "default_payout": {}, "incremental_id": 1001, "primary_domain": "", "block_on_reject": false, "conversion_name": "Conversion", "hide_js_tracking": false, "restriction_note": "", "deep_link_enabled": false, "targeting_group_id": "", "terms_and_conditions": "", "offer_preview_enabled": false, "parallel_tracking_url": "", "targeting_simple_enabled": false, "impression_forwarding_url": "", "parallel_tracking_enabled": false, "allow_duplicate_conversions": false, "manually_approve_conversions": false, "terms_and_conditions_enabled": false, "impression_forwarding_enabled": false, "view_through_attribution_enabled": false}', '2026-03-02 12:00:00+00', '2026-03-02 12:10:00+00', '2026-03-02 12:10:00+00', NULL),
	(4, 'main', 'default', 'offer', 'el3guxntcc', '1002', NULL, 'Odd', true, '{"id": "el3guxntcc", "name": "Odd", "active": true, "currency": "USD", "created_at": "2026-03-02T12:00:00+00:00", "updated_at": "2026-03-02T12:00:00+00:00", "visibility": "Public", "description": "", "integration": "s1mulated0", "fallback_url": "", "organization": "0rganized1", "advertiser_id": 11, "default_payout": {}, "incremental_id": 1002, "primary_domain": "", "block_on_reject": false, "conversion_name": "Conversion", "hide_js_tracking": false, "restriction_note": "", "deep_link_enabled": false, "targeting_group_id": "", "terms_and_conditions": "", "offer_preview_enabled": false, "parallel_tracking_url": "", "targeting_simple_enabled": false, "impression_forwarding_url": "", "parallel_tracking_enabled": false, "allow_duplicate_conversions": false, "manually_approve_conversions": false, "terms_and_conditions_enabled": false, "impression_forwarding_enabled": false, "view_through_attribution_enabled": false}', '2026-03-02 12:00:00+00', '2026-03-02 12:10:00+00', '2026-03-02 12:00:00+00', NULL);



INSERT INTO public.entity_changes VALUES
	(1, 'main', 'default', 'offer', 'iw8uo9b4kf', 'active', 'true', 'false', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 'rule', 'bad-offer', 2),
	(2, 'main', 'default', 'offer', 'iw8uo9b4kf', 'active', 'false', 'true', '2026-03-02 12:00:00+00', '2026-03-02 12:10:00+00', 'person', NULL, NULL);



INSERT INTO public.events VALUES
	('01M87CSJ6H14ZVABBAZNXWE0PQ', 'crm', 'deal.signed', '1', 'id:1', 'POST', 'application/json', '{"user-agent": "Werkzeug/3.1.9"}', '[]', '\x7b226964223a202231222c202274797065223a20226465616c2e7369676e6564222c2022656d61696c223a2022616e6e406578616d706c652e636f6d222c2022636f6d70616e79223a2022416e6e204c7464227d', '127.0.0.1', '2026-03-02 12:00:00+00', NULL, 'done', NULL, '2026-03-02 12:00:00+00', NULL, NULL, NULL, NULL, NULL, 1, 1),
	('01M87CSJ6R0X0JBCE9HBFZR3QR', 'crm', 'offer.bad', '2', 'id:2', 'POST', 'application/json', '{"user-agent": "Werkzeug/3.1.9"}', '[]', '\x7b226964223a202232222c202274797065223a20226f666665722e626164222c20226f66666572223a2022697738756f3962346b66227d', '127.0.0.1', '2026-03-02 12:00:00+00', NULL, 'done', NULL, '2026-03-02 12:00:00+00', NULL, NULL, NULL, NULL, NULL, 1, 1),
	('01M87CSJ6V8P8CVFF5P0CQXRZG', 'crm', 'offer.odd', '3', 'id:3', 'POST', 'application/json', '{"user-agent": "Werkzeug/3.1.9"}', '[]', '\x7b226964223a202233222c202274797065223a20226f666665722e6f6464222c20226f66666572223a2022656c336775786e746363227d', '127.0.0.1', '2026-03-02 12:00:00+00', NULL, 'done', NULL, '2026-03-02 12:00:00+00', NULL, NULL, NULL, NULL, NULL, 1, 1);



INSERT INTO public.export_starts VALUES
	(1, 'text', '2026-03-02 12:00:00+00');



INSERT INTO public.feed_marks VALUES
	(1, 1, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00'),
	(2, 2, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00'),
	(3, 1, '2026-03-02 12:10:00+00', '2026-03-02 12:10:00+00'),
	(4, 2, '2026-03-02 12:10:00+00', '2026-03-02 12:10:00+00');



INSERT INTO public.feeds VALUES
	(1, 'main', 'default', 'clicks', '2026-02-23 12:00:00+00', '2026-03-02 12:10:00+00', '2026-03-02 12:00:00+00', 0, '{}', 0, NULL, NULL),
	(2, 'main', 'default', 'conversions', '2026-02-23 12:00:00+00', '2026-03-02 12:10:00+00', '2026-03-02 12:00:00+00', 0, '{}', 0, NULL, NULL);



INSERT INTO public.generations VALUES
	(1, '2026-03-02 12:00:00+00', '55b9c8f155672e1fcf316a98275e904cea66625d1eddeb204bb6d6ada867c9cf', '[]'),
	(2, '2026-03-02 12:00:00+00', '0ea3b645758bd9b36bd67198252de757e73a22c3ebfafa34155869f6eb98fe63', '[]'),
	(3, '2026-03-02 12:00:00+00', '4177183d157afed7f469fe8440a8bb9bc3cfa3976308bdc1a72d18c5235530f0', '[]');



INSERT INTO public.halts VALUES
	(1, '2026-03-02 12:10:00+00', 'ann', 'an example', '2026-03-02 12:10:00+00', 'ann');



INSERT INTO public.handovers VALUES
	('3a70194530ffb15a3abf4db8eca7ce858a06a16ebd4803bf3c6849511cf937fb', 4, 'user email=ann@example.com', '\x6741414141414272426459334d53385434416d436659356f7a45796c67355a39504f415147536764344b3471554773506b526933633439434c6a6332455248614831765f7066395a507734544e54494445663831534d33676c74654d34575f3658415a6f7569324638627551697972773256676e59484274465a575271554d495568735158795462585f3578', '2026-03-02 12:00:00+00', '2026-03-05 12:00:00+00');



INSERT INTO public.heartbeats VALUES
	('clock set', '2026-03-02 12:10:00+00', 'null'),
	('tick', '2026-03-02 12:10:00+00', 'null');



INSERT INTO public.holds VALUES
	(1, 'bad-offer', 2, 'main', 'default', 'offer', 'iw8uo9b4kf', 'event=01M87CSJ6R0X0JBCE9HBFZR3QR', '2026-03-02 12:00:00+00', '2026-03-03 00:00:00+00', 1, true, 'active', NULL, NULL, NULL);



INSERT INTO public.hushes VALUES
	(1, NULL, NULL, NULL, '2026-03-02 12:00:00+00', 'text', 'text');



INSERT INTO public.live_revisions VALUES
	(1, 'onboarding', 'e3a8d88d8c448efc', false),
	(2, 'onboarding', 'e3a8d88d8c448efc', false),
	(2, 'bad-offer', 'e340bf90ce17c7f9', false),
	(3, 'onboarding', 'e3a8d88d8c448efc', false),
	(3, 'bad-offer', 'e340bf90ce17c7f9', false),
	(3, 'ask-first', 'b85eac6336e4e47a', false);



INSERT INTO public.mutes VALUES
	('text', 'text', 'text', 'text', '2026-03-02 12:00:00+00', 'text');



INSERT INTO public.newest VALUES
	('text', 'text', 'text', 'text', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00');



INSERT INTO public.notices VALUES
	(1, 'text', 'text', 'text', NULL, NULL, 'text', '{}', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 'waiting', NULL, NULL, NULL, NULL, 0, 0);



INSERT INTO public.observation_chunks VALUES
	(1, 1, 0, 50, '2026-03-02 09:01:09+00', '2026-03-02 11:59:30+00', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', '[]', 1462, '\x49424631f40100007b22636f756e74223a35302c226e756d62657273223a5b5b227365656e222c313737323435323830302c22222c302c66616c73655d2c5b226e7468222c302c22222c302c66616c73655d2c5b22737461747573222c312c22222c302c66616c73655d2c5b22776569676874222c312c22222c302c66616c73655d2c5b227061796f7574222c302c22222c302c66616c73655d2c5b22726576656e7565222c302c22222c302c66616c73655d2c5b2264656c6179222c2d312c22222c302c66616c73655d2c5b226576656e74222c2d373437392c223c7534222c3137352c747275655d2c5b227374616d70222c31352c223c7532222c3130302c66616c73655d2c5b2272616e646f6d222c3236382c223c7532222c3130302c66616c73655d2c5b226c6f77222c3232323532343234303838323832313631302c223c7538222c3430302c66616c73655d5d2c226c6162656c73223a5b5b226f66666572222c31332c322c312c22222c302c66616c73655d2c5b227075626c6973686572222c31322c322c312c22222c302c66616c73655d2c5b2261647665727469736572222c31312c322c312c22222c302c66616c73655d2c5b227375625f6964222c32392c382c312c227c7531222c34302c747275655d2c5b22636f756e747279222c33322c392c312c227c7531222c34322c747275655d5d7d78010dceb92e44011406e06f34a3b1e4722d215c3211cb4c4626d73493cc4328741e40a2164441258444a1d41285b7d04b3c804a943a8992ff3467f9b7737ff578502ef2be4a354db34b7b9edbcc2f4b3c35a8d7e8d5ece268106c92fdb1f4adf067382f29e6b8dee17594bf95e043de4638ac3829f89ea5d5e332dec71db697590f5667ff18e779828b3e67d1de24f321dc9f789653fc6e2438556df2d9662fdcbbdc1b2dbe1638cdeffffbe71de5840047005900b300e402af03c30145030a012e00c901540049020e004302990200003601a4032d03e1017f025d0278035600c800cd0368023a02cf02a2031b039a03e701b8025a0386011c02fc027001d20122027702a6012400d200f002f500050362037dfb3a46a22d941317659fa64ee1102ce2568e10ce878456ef8fa8e93af589487c0e207c67852a6dfe699958e30e0971599b454fb11119e10b0ec60cd4de397aecddc6656893141f208ecaf00000063a25751a7baa482ffd88a7b761aec2364e65b1c95750801a79af4e3a671f2c72a1c19fc48944a20699c13bba93c69859a39e7f047cb907b7288553d16290f685b756fe039b56831c20865fb0abd3d6e6ea8beb27121c0804432972f2dcf3324590cc4eb37164228fe950832968ea0a7fee606cbdbe037dcb22591a069966b5202afeb6fe607f823830f9ebf206118d20fc225a94c130f7496e14468d0d6b8b2ceb433bd4ebc5845157b78fc64994ad51e73ac2a5ce26a57de21d77f77f5858561bf14fe8ae21e3a466e8d76c6349a5a972071953cf3fc8431f48a7ee276d6663a42c0a69ce12d328609a2cd6f7272eec5081e609448e133ee26b194c7bf1885f71e3f74bbaa72af08b184098f0c32229298ed76a1773b02a39f13a31e33011dbee6361e76fe3b56c5cad830f7c0b9fd41522a9e7f095417e7205d92ac914374c9b9957df14db7287071e0c1645dfafa825bf4e17f21dc50aca96c7b7ed00000000000000003603017f9c3bd06f9752ee6915b8dd90d393ffead7f54a38c5561f0db45a5eb4e647546fe85ec8102558717f986a7eb097d35e098bf147769e2859a7804216a878016330343030040001ea00c37801633032300400012b009478016330340400009600637801632836602836632836652836612836662836622836040030b3048b780115c8b70d00300c0330f5ff4f76026e4c2bc19c2c191931075e832e2cfd44f8a1153c0f040094780163700a62707762f00c61700d6608f061080d66700b6270710500386204b878010dc8c10100300802313844f7dfb8cd3353554c6fedc1da2cb192bb89701c58a02deeaf070f880096'),
	(2, 2, 0, 3, '2026-03-02 09:43:14+00', '2026-03-02 11:33:13+00', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', '[]', 684, '\x49424631160200007b22636f756e74223a332c226e756d62657273223a5b5b227365656e222c313737323435323830302c22222c302c66616c73655d2c5b226e7468222c302c22222c302c66616c73655d2c5b22737461747573222c312c22222c302c66616c73655d2c5b22776569676874222c312c22222c302c66616c73655d2c5b227061796f7574222c302c22222c302c66616c73655d2c5b22726576656e7565222c302c22222c302c66616c73655d2c5b2264656c6179222c3333332c223c7532222c362c66616c73655d2c5b226576656e74222c2d333038392c223c7534222c31322c66616c73655d2c5b227374616d70222c3532322c223c7532222c362c66616c73655d2c5b2272616e646f6d222c31363232372c223c7532222c362c66616c73655d2c5b226c6f77222c31303537303436323833393134373732383235302c223c7538222c32342c66616c73655d5d2c226c6162656c73223a5b5b226f66666572222c31332c322c312c22222c302c66616c73655d2c5b227075626c6973686572222c31322c322c312c22222c302c66616c73655d2c5b2261647665727469736572222c31312c322c312c22222c302c66616c73655d2c5b227375625f6964222c31372c342c312c227c7531222c332c66616c73655d2c5b22636f756e747279222c31372c342c312c227c7531222c332c66616c73655d2c5b2263757272656e6379222c31322c322c312c22222c302c66616c73655d5d7d950009020000d473a56900000000d82500004a0100009f0000009f8a944455633e92f38d532a0000000000000000b323e621c0d4424978016330343030040001ea00c37801633032300400012b0094780163303404000096006378016328366328366628360400093d01f4010200780163f00c61700a62080d0600082c01da010200780163080d76010001ed00ed');



INSERT INTO public.plans VALUES
	(1, 1, 'ask-first', 'waiting', '2026-03-02 12:00:00+00', '[]', NULL, 'ask', '2026-03-02 16:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(2, 2, 'bad-offer', 'done', '2026-03-02 12:00:00+00', '[]', NULL, 'ask', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-03-02 12:00:00+00'),
	(3, 3, 'onboarding', 'done', '2026-03-02 12:00:00+00', '[]', NULL, 'ask', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-03-02 12:00:00+00');



INSERT INTO public.revisions VALUES
	('e3a8d88d8c448efc', 'onboarding', 'rules/a.yaml', 'schema: 1
id: onboarding
mode: live
trigger: {webhook: {source: crm, event: deal.signed, dedupe: body.id}}
when: {all: [body.email matches "@"]}
then:
  - id: pub
    ensure: publisher
    key: {email: "{{ body.email }}"}
    with: {name: "{{ body.company }}", active: true}
  - ensure: user
    key: {email: "{{ body.email }}"}
    with: {role: accountManager, password: generate, first_name: "{{ pub.id }}"}', '2026-03-02 12:00:00+00'),
	('e340bf90ce17c7f9', 'bad-offer', 'rules/b.yaml', 'schema: 1
id: bad-offer
mode: live
trigger: {webhook: {source: crm, event: offer.bad, dedupe: body.id}}
when: {all: [body.offer matches "."]}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 12h
guards: {at_most: {targets: 1000, share: 100%}}', '2026-03-02 12:00:00+00'),
	('b85eac6336e4e47a', 'ask-first', 'rules/c.yaml', 'schema: 1
id: ask-first
mode: approve
trigger: {webhook: {source: crm, event: offer.odd, dedupe: body.id}}
when: {all: [body.offer matches "."]}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 12h
guards: {at_most: {targets: 1000, share: 100%}}', '2026-03-02 12:00:00+00');



INSERT INTO public.runs VALUES
	(1, 'ask-first', 'b85eac6336e4e47a', 'approve', 'event', 'dedupe:3', '01M87CSJ6V8P8CVFF5P0CQXRZG', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', NULL, 1, 0, 0, NULL, 'waiting', NULL, NULL, NULL),
	(2, 'bad-offer', 'e340bf90ce17c7f9', 'live', 'event', 'dedupe:2', '01M87CSJ6R0X0JBCE9HBFZR3QR', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', NULL, 1, 0, 0, NULL, 'ready', NULL, NULL, NULL),
	(3, 'onboarding', 'e3a8d88d8c448efc', 'live', 'event', 'dedupe:1', '01M87CSJ6H14ZVABBAZNXWE0PQ', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', NULL, 1, 0, 0, NULL, 'ready', NULL, NULL, NULL);



INSERT INTO public.sign_in_tries VALUES
	('text', '2026-03-02 12:00:00+00', 1);



INSERT INTO public.sign_ins VALUES
	('text', 1, NULL, '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00');



INSERT INTO public.slots VALUES
	(4, 'mirror', 'mirror:main:default:settling', '2026-03-02 00:00:00+00', 'done', '2026-03-02 12:00:00+00', NULL, NULL, NULL, NULL, 1, 1),
	(3, 'mirror', 'mirror:main:default:entities', '2026-03-02 12:00:00+00', 'done', '2026-03-02 12:00:00+00', NULL, NULL, NULL, NULL, 1, 1),
	(5, 'mirror', 'mirror:main:default:agreement', '2026-03-02 12:00:00+00', 'done', '2026-03-02 12:00:00+00', NULL, NULL, NULL, NULL, 1, 1),
	(1, 'feed', 'feed:main:default:clicks:head', '2026-03-02 12:00:00+00', 'done', '2026-03-02 12:00:00+00', NULL, NULL, NULL, NULL, 1, 1),
	(2, 'feed', 'feed:main:default:conversions:head', '2026-03-02 12:00:00+00', 'done', '2026-03-02 12:00:00+00', NULL, NULL, NULL, NULL, 1, 1),
	(8, 'mirror', 'mirror:main:default:entities', '2026-03-02 12:10:00+00', 'done', '2026-03-02 12:10:00+00', NULL, NULL, NULL, NULL, 1, 1),
	(6, 'feed', 'feed:main:default:clicks:head', '2026-03-02 12:10:00+00', 'done', '2026-03-02 12:10:00+00', NULL, NULL, NULL, NULL, 1, 1),
	(7, 'feed', 'feed:main:default:conversions:head', '2026-03-02 12:10:00+00', 'done', '2026-03-02 12:10:00+00', NULL, NULL, NULL, NULL, 1, 1);



INSERT INTO public.streaks VALUES
	('text', 'text', NULL, 1, '2026-03-02 12:00:00+00');



INSERT INTO public.tokens VALUES
	(1, 'text', 'text', 'text', 'text', '2026-03-02 12:00:00+00', 'text', NULL, NULL, NULL);



INSERT INTO public.trials VALUES
	(1, 'text', 'text', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', NULL, 'text', 'text', '2026-03-02 12:00:00+00', 'waiting', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0);



INSERT INTO public.troubles VALUES
	('text', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 'text');



INSERT INTO public.turns VALUES
	('decide', NULL, NULL, 5);



INSERT INTO public.usage VALUES
	('text', '2026-03-02 12:00:00+00', 'text', 'text', 1, 1, 1, 1),
	('main', '2026-03-02 12:00:00+00', 'advertisers.list', 'ok', 2, 7.847700180718675e-05, 0.0018141270047635771, 0.0011552310024853796),
	('main', '2026-03-02 12:00:00+00', 'offers.get', 'ok', 1, 2.4716995540075004e-05, 0.0005301050041452982, 0.0005301050041452982),
	('main', '2026-03-02 12:00:00+00', 'offers.list', 'ok', 2, 4.913300654152408e-05, 0.0011036959913326427, 0.000553840996872168),
	('main', '2026-03-02 12:00:00+00', 'offers.set_status', 'ok', 2, 6.992500129854307e-05, 0.001690082994173281, 0.0009897959971567616),
	('main', '2026-03-02 12:00:00+00', 'publishers.create', 'ok', 1, 2.4827000743243843e-05, 0.0007382839976344258, 0.0007382839976344258),
	('main', '2026-03-02 12:00:00+00', 'publishers.get', 'ok', 1, 2.3095002688933164e-05, 0.00042442799895070493, 0.00042442799895070493),
	('main', '2026-03-02 12:00:00+00', 'publishers.list', 'ok', 3, 8.27429976197891e-05, 0.001809502013202291, 0.0006427320040529594),
	('main', '2026-03-02 12:00:00+00', 'reports.clicks', 'ok', 2, 5.86969981668517e-05, 0.002108774999214802, 0.0013019389953115024),
	('main', '2026-03-02 12:00:00+00', 'reports.conversions', 'ok', 2, 5.909700121264905e-05, 0.0016158239959622733, 0.0008976600001915358),
	('main', '2026-03-02 12:00:00+00', 'users.create', 'ok', 1, 2.5497996830381453e-05, 0.0006213400047272444, 0.0006213400047272444),
	('main', '2026-03-02 12:00:00+00', 'users.get', 'ok', 1, 2.1842002752237022e-05, 0.00048669100215192884, 0.00048669100215192884),
	('main', '2026-03-02 12:00:00+00', 'users.list', 'ok', 1, 3.8908001442905515e-05, 0.0005961529968772084, 0.0005961529968772084);



INSERT INTO public.users VALUES
	(1, 'text', 'text', NULL, 'text', NULL, false, NULL, '2026-03-02 12:00:00+00', 'text', NULL, NULL);



INSERT INTO public.verdicts VALUES
	(1, 1, 'event=01M87CSJ6V8P8CVFF5P0CQXRZG', 1, 'known', 'body.offer matches the pattern', '{"text": "ask-first", "parts": [{"text": "all", "parts": [{"text": "body.offer matches \".\"", "value": "el3guxntcc", "answer": "yes", "threshold": "."}], "answer": "yes"}], "answer": "yes"}'),
	(2, 2, 'event=01M87CSJ6R0X0JBCE9HBFZR3QR', 1, 'known', 'body.offer matches the pattern', '{"text": "bad-offer", "parts": [{"text": "all", "parts": [{"text": "body.offer matches \".\"", "value": "iw8uo9b4kf", "answer": "yes", "threshold": "."}], "answer": "yes"}], "answer": "yes"}'),
	(3, 3, 'event=01M87CSJ6H14ZVABBAZNXWE0PQ', 1, 'known', 'body.email matches the pattern', '{"text": "onboarding", "parts": [{"text": "all", "parts": [{"text": "body.email matches \"@\"", "value": "ann@example.com", "answer": "yes", "threshold": "@"}], "answer": "yes"}], "answer": "yes"}');



SELECT pg_catalog.setval('public.audit_id_seq', 2, true);



SELECT pg_catalog.setval('public.backtests_id_seq', 1, true);



SELECT pg_catalog.setval('public.calls_id_seq', 6, true);



SELECT pg_catalog.setval('public.conversion_delays_id_seq', 1, true);



SELECT pg_catalog.setval('public.effects_id_seq', 4, true);



SELECT pg_catalog.setval('public.entities_id_seq', 5, true);



SELECT pg_catalog.setval('public.entity_changes_id_seq', 2, true);



SELECT pg_catalog.setval('public.export_starts_id_seq', 1, true);



SELECT pg_catalog.setval('public.feed_marks_id_seq', 4, true);



SELECT pg_catalog.setval('public.feeds_id_seq', 2, true);



SELECT pg_catalog.setval('public.generations_id_seq', 3, true);



SELECT pg_catalog.setval('public.halts_id_seq', 1, true);



SELECT pg_catalog.setval('public.holds_id_seq', 1, true);



SELECT pg_catalog.setval('public.hushes_id_seq', 1, true);



SELECT pg_catalog.setval('public.notices_id_seq', 1, true);



SELECT pg_catalog.setval('public.observation_chunks_id_seq', 2, true);



SELECT pg_catalog.setval('public.plans_id_seq', 3, true);



SELECT pg_catalog.setval('public.runs_id_seq', 3, true);



SELECT pg_catalog.setval('public.slots_id_seq', 8, true);



SELECT pg_catalog.setval('public.tokens_id_seq', 1, true);



SELECT pg_catalog.setval('public.trials_id_seq', 1, true);



SELECT pg_catalog.setval('public.users_id_seq', 1, true);



SELECT pg_catalog.setval('public.verdicts_id_seq', 3, true);



ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);



ALTER TABLE ONLY public.answers
    ADD CONSTRAINT pk_answers PRIMARY KEY (key);



ALTER TABLE ONLY public.audit
    ADD CONSTRAINT pk_audit PRIMARY KEY (id);



ALTER TABLE ONLY public.backtests
    ADD CONSTRAINT pk_backtests PRIMARY KEY (id);



ALTER TABLE ONLY public.calls
    ADD CONSTRAINT pk_calls PRIMARY KEY (id);



ALTER TABLE ONLY public.channel_health
    ADD CONSTRAINT pk_channel_health PRIMARY KEY (channel);



ALTER TABLE ONLY public.conversion_delays
    ADD CONSTRAINT pk_conversion_delays PRIMARY KEY (id);



ALTER TABLE ONLY public.effect_calls
    ADD CONSTRAINT pk_effect_calls PRIMARY KEY (effect_id, call_id);



ALTER TABLE ONLY public.effects
    ADD CONSTRAINT pk_effects PRIMARY KEY (id);



ALTER TABLE ONLY public.entities
    ADD CONSTRAINT pk_entities PRIMARY KEY (id);



ALTER TABLE ONLY public.entity_changes
    ADD CONSTRAINT pk_entity_changes PRIMARY KEY (id);



ALTER TABLE ONLY public.events
    ADD CONSTRAINT pk_events PRIMARY KEY (id);



ALTER TABLE ONLY public.export_starts
    ADD CONSTRAINT pk_export_starts PRIMARY KEY (id);



ALTER TABLE ONLY public.feed_marks
    ADD CONSTRAINT pk_feed_marks PRIMARY KEY (id);



ALTER TABLE ONLY public.feeds
    ADD CONSTRAINT pk_feeds PRIMARY KEY (id);



ALTER TABLE ONLY public.generations
    ADD CONSTRAINT pk_generations PRIMARY KEY (id);



ALTER TABLE ONLY public.halts
    ADD CONSTRAINT pk_halts PRIMARY KEY (id);



ALTER TABLE ONLY public.handovers
    ADD CONSTRAINT pk_handovers PRIMARY KEY (token_hash);



ALTER TABLE ONLY public.heartbeats
    ADD CONSTRAINT pk_heartbeats PRIMARY KEY (name);



ALTER TABLE ONLY public.holds
    ADD CONSTRAINT pk_holds PRIMARY KEY (id);



ALTER TABLE ONLY public.hushes
    ADD CONSTRAINT pk_hushes PRIMARY KEY (id);



ALTER TABLE ONLY public.live_revisions
    ADD CONSTRAINT pk_live_revisions PRIMARY KEY (generation_id, rule_id);



ALTER TABLE ONLY public.mutes
    ADD CONSTRAINT pk_mutes PRIMARY KEY (rule_id, account, kind, target_id);



ALTER TABLE ONLY public.newest
    ADD CONSTRAINT pk_newest PRIMARY KEY (line, about);



ALTER TABLE ONLY public.notices
    ADD CONSTRAINT pk_notices PRIMARY KEY (id);



ALTER TABLE ONLY public.observation_chunks
    ADD CONSTRAINT pk_observation_chunks PRIMARY KEY (id);



ALTER TABLE ONLY public.plans
    ADD CONSTRAINT pk_plans PRIMARY KEY (id);



ALTER TABLE ONLY public.revisions
    ADD CONSTRAINT pk_revisions PRIMARY KEY (hash);



ALTER TABLE ONLY public.runs
    ADD CONSTRAINT pk_runs PRIMARY KEY (id);



ALTER TABLE ONLY public.sign_in_tries
    ADD CONSTRAINT pk_sign_in_tries PRIMARY KEY (key);



ALTER TABLE ONLY public.sign_ins
    ADD CONSTRAINT pk_sign_ins PRIMARY KEY (digest);



ALTER TABLE ONLY public.slots
    ADD CONSTRAINT pk_slots PRIMARY KEY (id);



ALTER TABLE ONLY public.streaks
    ADD CONSTRAINT pk_streaks PRIMARY KEY (rule_id, subject);



ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT pk_tokens PRIMARY KEY (id);



ALTER TABLE ONLY public.trials
    ADD CONSTRAINT pk_trials PRIMARY KEY (id);



ALTER TABLE ONLY public.troubles
    ADD CONSTRAINT pk_troubles PRIMARY KEY (key);



ALTER TABLE ONLY public.turns
    ADD CONSTRAINT pk_turns PRIMARY KEY (name);



ALTER TABLE ONLY public.usage
    ADD CONSTRAINT pk_usage PRIMARY KEY (account, hour, operation, outcome);



ALTER TABLE ONLY public.users
    ADD CONSTRAINT pk_users PRIMARY KEY (id);



ALTER TABLE ONLY public.verdicts
    ADD CONSTRAINT pk_verdicts PRIMARY KEY (id);



ALTER TABLE ONLY public.conversion_delays
    ADD CONSTRAINT uq_conversion_delays_account_integration_offer UNIQUE (account, integration, offer);



ALTER TABLE ONLY public.effects
    ADD CONSTRAINT uq_effects_plan_id_step_kind_target_id_subject UNIQUE (plan_id, step, kind, target_id, subject);



ALTER TABLE ONLY public.entities
    ADD CONSTRAINT uq_entities_account_kind_ref_integration UNIQUE (account, kind, ref, integration);



ALTER TABLE ONLY public.events
    ADD CONSTRAINT uq_events_source_dedupe_key UNIQUE (source, dedupe_key);



ALTER TABLE ONLY public.feeds
    ADD CONSTRAINT uq_feeds_account_integration_kind UNIQUE (account, integration, kind);



ALTER TABLE ONLY public.notices
    ADD CONSTRAINT uq_notices_channel_dedupe_key UNIQUE (channel, dedupe_key);



ALTER TABLE ONLY public.runs
    ADD CONSTRAINT uq_runs_rule_id_cause_key UNIQUE (rule_id, cause_key);



ALTER TABLE ONLY public.slots
    ADD CONSTRAINT uq_slots_key_at UNIQUE (key, at);



ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT uq_tokens_prefix UNIQUE (prefix);



ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_folded UNIQUE (folded);



ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_subject UNIQUE (subject);



CREATE INDEX ix_answers_at ON public.answers USING btree (at);



CREATE INDEX ix_audit_at ON public.audit USING btree (at);



CREATE INDEX ix_backtests_rule_id ON public.backtests USING btree (rule_id);



CREATE INDEX ix_calls_started_at ON public.calls USING btree (started_at);



CREATE INDEX ix_effect_calls_call_id ON public.effect_calls USING btree (call_id);



CREATE INDEX ix_effects_ended_at ON public.effects USING btree (ended_at);



CREATE INDEX ix_effects_state_due_at ON public.effects USING btree (state, due_at);



CREATE INDEX ix_effects_target_id_kind ON public.effects USING btree (target_id, kind);



CREATE INDEX ix_entities_account_kind_number ON public.entities USING btree (account, kind, number);



CREATE INDEX ix_entity_changes_seen_at ON public.entity_changes USING btree (seen_at);



CREATE INDEX ix_entity_changes_target ON public.entity_changes USING btree (account, ref, kind, seen_at);



CREATE INDEX ix_events_received_at ON public.events USING btree (received_at);



CREATE INDEX ix_events_state_received_at ON public.events USING btree (state, received_at);



CREATE INDEX ix_export_starts_account_at ON public.export_starts USING btree (account, at);



CREATE INDEX ix_feed_marks_feed_id_at ON public.feed_marks USING btree (feed_id, at);



CREATE INDEX ix_handovers_effect_id ON public.handovers USING btree (effect_id);



CREATE INDEX ix_holds_rule_id_state_until ON public.holds USING btree (rule_id, state, until);



CREATE INDEX ix_holds_state_until ON public.holds USING btree (state, until);



CREATE INDEX ix_holds_subject_rule_id_state ON public.holds USING btree (subject, rule_id, state);



CREATE INDEX ix_holds_target_id_state_rule_id ON public.holds USING btree (target_id, state, rule_id);



CREATE INDEX ix_hushes_until ON public.hushes USING btree (until);



CREATE INDEX ix_newest_decided_at ON public.newest USING btree (decided_at);



CREATE INDEX ix_notices_state_due_at ON public.notices USING btree (state, due_at);



CREATE INDEX ix_observation_chunks_feed_id_last_event ON public.observation_chunks USING btree (feed_id, last_event);



CREATE INDEX ix_plans_rule_id ON public.plans USING btree (rule_id);



CREATE INDEX ix_plans_run_id ON public.plans USING btree (run_id);



CREATE INDEX ix_plans_state_decide_by ON public.plans USING btree (state, decide_by);



CREATE INDEX ix_revisions_rule_id ON public.revisions USING btree (rule_id);



CREATE INDEX ix_runs_event_id ON public.runs USING btree (event_id);



CREATE INDEX ix_runs_rule_id_id ON public.runs USING btree (rule_id, id);



CREATE INDEX ix_runs_rule_id_started_at ON public.runs USING btree (rule_id, started_at);



CREATE INDEX ix_runs_started_at ON public.runs USING btree (started_at);



CREATE INDEX ix_sign_in_tries_since ON public.sign_in_tries USING btree (since);



CREATE INDEX ix_sign_ins_token_id ON public.sign_ins USING btree (token_id);



CREATE INDEX ix_sign_ins_until ON public.sign_ins USING btree (until);



CREATE INDEX ix_sign_ins_user_id ON public.sign_ins USING btree (user_id);



CREATE INDEX ix_slots_state_at ON public.slots USING btree (state, at);



CREATE INDEX ix_trials_rule_id_id ON public.trials USING btree (rule_id, id);



CREATE INDEX ix_trials_state ON public.trials USING btree (state);



CREATE INDEX ix_usage_hour ON public.usage USING btree (hour);



CREATE INDEX ix_verdicts_run_id ON public.verdicts USING btree (run_id);



CREATE INDEX ix_verdicts_subject_run_id ON public.verdicts USING btree (subject, run_id);



ALTER TABLE ONLY public.effect_calls
    ADD CONSTRAINT fk_effect_calls_call_id FOREIGN KEY (call_id) REFERENCES public.calls(id) ON DELETE CASCADE;



ALTER TABLE ONLY public.effect_calls
    ADD CONSTRAINT fk_effect_calls_effect_id FOREIGN KEY (effect_id) REFERENCES public.effects(id) ON DELETE CASCADE;



ALTER TABLE ONLY public.effects
    ADD CONSTRAINT fk_effects_plan_id FOREIGN KEY (plan_id) REFERENCES public.plans(id) ON DELETE CASCADE;



ALTER TABLE ONLY public.feed_marks
    ADD CONSTRAINT fk_feed_marks_feed_id FOREIGN KEY (feed_id) REFERENCES public.feeds(id) ON DELETE CASCADE;



ALTER TABLE ONLY public.live_revisions
    ADD CONSTRAINT fk_live_revisions_generation_id FOREIGN KEY (generation_id) REFERENCES public.generations(id) ON DELETE CASCADE;



ALTER TABLE ONLY public.live_revisions
    ADD CONSTRAINT fk_live_revisions_hash FOREIGN KEY (hash) REFERENCES public.revisions(hash);



ALTER TABLE ONLY public.observation_chunks
    ADD CONSTRAINT fk_observation_chunks_feed_id FOREIGN KEY (feed_id) REFERENCES public.feeds(id) ON DELETE CASCADE;



ALTER TABLE ONLY public.plans
    ADD CONSTRAINT fk_plans_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;



ALTER TABLE ONLY public.sign_ins
    ADD CONSTRAINT fk_sign_ins_token_id FOREIGN KEY (token_id) REFERENCES public.tokens(id) ON DELETE CASCADE;



ALTER TABLE ONLY public.sign_ins
    ADD CONSTRAINT fk_sign_ins_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;



ALTER TABLE ONLY public.verdicts
    ADD CONSTRAINT fk_verdicts_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;




