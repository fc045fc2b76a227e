BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE answers (
	"key" VARCHAR NOT NULL, 
	request VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	status INTEGER, 
	body BLOB, 
	content_type VARCHAR, 
	CONSTRAINT pk_answers PRIMARY KEY ("key")
);
INSERT INTO "answers" VALUES('text','text','2026-03-02 12:00:00.000000',NULL,NULL,NULL);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	who VARCHAR NOT NULL, 
	what VARCHAR NOT NULL, 
	about VARCHAR NOT NULL, 
	detail JSON, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,'2026-03-02 12:10:00.000000','ann','halt','service','{"why":"an example"}');
INSERT INTO "audit" VALUES(2,'2026-03-02 12:10:00.000000','ann','resume','service','null');
CREATE TABLE backtests (
	id INTEGER NOT NULL, 
	rule_id VARCHAR NOT NULL, 
	revision VARCHAR NOT NULL, 
	made_at DATETIME NOT NULL, 
	"by" VARCHAR NOT NULL, 
	start DATETIME NOT NULL, 
	"end" DATETIME NOT NULL, 
	against VARCHAR NOT NULL, 
	figures JSON NOT NULL, 
	plots JSON NOT NULL, 
	page VARCHAR, 
	page_kept BOOLEAN NOT NULL, 
	CONSTRAINT pk_backtests PRIMARY KEY (id)
);
INSERT INTO "backtests" VALUES(1,'text','text','2026-03-02 12:00:00.000000','text','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','text','{}','{}',NULL,0);
CREATE TABLE calls (
	id INTEGER NOT NULL, 
	account VARCHAR NOT NULL, 
	operation VARCHAR NOT NULL, 
	targets INTEGER NOT NULL, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	outcome VARCHAR, 
	status INTEGER, 
	error VARCHAR, 
	CONSTRAINT pk_calls PRIMARY KEY (id)
);
INSERT INTO "calls" VALUES(1,'main','offers.set_status',1,'2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','ok',NULL,NULL);
INSERT INTO "calls" VALUES(2,'main','offers.get',1,'2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','ok',NULL,NULL);
INSERT INTO "calls" VALUES(3,'main','publishers.list',1,'2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','ok',NULL,NULL);
INSERT INTO "calls" VALUES(4,'main','publishers.create',1,'2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','ok',NULL,NULL);
INSERT INTO "calls" VALUES(5,'main','users.list',1,'2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','ok',NULL,NULL);
INSERT INTO "calls" VALUES(6,'main','users.create',1,'2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','ok',NULL,NULL);
CREATE TABLE channel_health (
	channel VARCHAR NOT NULL, 
	failures INTEGER NOT NULL, 
	failing_since DATETIME, 
	open_until DATETIME, 
	disabled_at DATETIME, 
	disabled_why VARCHAR, 
	CONSTRAINT pk_channel_health PRIMARY KEY (channel)
);
INSERT INTO "channel_health" VALUES('text',0,NULL,NULL,NULL,NULL);
CREATE TABLE conversion_delays (
	id INTEGER NOT NULL, 
	account VARCHAR NOT NULL, 
	integration VARCHAR NOT NULL, 
	offer VARCHAR NOT NULL, 
	p50 INTEGER NOT NULL, 
	p90 INTEGER NOT NULL, 
	sample INTEGER NOT NULL, 
	measured_at DATETIME NOT NULL, 
	CONSTRAINT pk_conversion_delays PRIMARY KEY (id), 
	CONSTRAINT uq_conversion_delays_account_integration_offer UNIQUE (account, integration, offer)
);
INSERT INTO "conversion_delays" VALUES(1,'text','text','text',1,1,1,'2026-03-02 12:00:00.000000');
CREATE TABLE effect_calls (
	effect_id INTEGER NOT NULL, 
	call_id INTEGER NOT NULL, 
	CONSTRAINT pk_effect_calls PRIMARY KEY (effect_id, call_id), 
	CONSTRAINT fk_effect_calls_call_id FOREIGN KEY(call_id) REFERENCES calls (id) ON DELETE CASCADE, 
	CONSTRAINT fk_effect_calls_effect_id FOREIGN KEY(effect_id) REFERENCES effects (id) ON DELETE CASCADE
);
INSERT INTO "effect_calls" VALUES(2,1);
INSERT INTO "effect_calls" VALUES(3,4);
INSERT INTO "effect_calls" VALUES(4,6);
CREATE TABLE effects (
	id INTEGER NOT NULL, 
	plan_id INTEGER NOT NULL, 
	rule_id VARCHAR NOT NULL, 
	step VARCHAR NOT NULL, 
	verb VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	target_id VARCHAR NOT NULL, 
	account VARCHAR NOT NULL, 
	integration VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	wanted JSON NOT NULL, 
	"key" JSON NOT NULL, 
	prior JSON, 
	"after" JSON NOT NULL, 
	hold JSON, 
	releases INTEGER, 
	urgent BOOLEAN NOT NULL, 
	money_24h BIGINT, 
	reason VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	due_at DATETIME, 
	sent_at DATETIME, 
	ended_at DATETIME, 
	result JSON, 
	error VARCHAR, 
	overtaken_by INTEGER, 
	claimed_by VARCHAR, 
	claimed_until DATETIME, 
	fence INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	CONSTRAINT pk_effects PRIMARY KEY (id), 
	CONSTRAINT ck_effects_state CHECK (state IN ('planned', 'claimed', 'sent', 'applied', 'skipped', 'failed', 'unknown')), 
	CONSTRAINT fk_effects_plan_id FOREIGN KEY(plan_id) REFERENCES plans (id) ON DELETE CASCADE, 
	CONSTRAINT uq_effects_plan_id_step_kind_target_id_subject UNIQUE (plan_id, step, kind, target_id, subject)
);
INSERT INTO "effects" VALUES(1,1,'ask-first','1','pause','offer','el3guxntcc','main','default','event=01M87CSGQW0DY089B1DT38QFS5','{"active":false}','{}','{"active":true}','[]','{"kind":"duration","seconds":43200.0,"tz":"UTC","until":"2026-03-03T00:00:00+00:00","count":1}',NULL,1,NULL,'body.offer matches the pattern','planned',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0);
INSERT INTO "effects" VALUES(2,2,'bad-offer','1','pause','offer','iw8uo9b4kf','main','default','event=01M87CSGQNG6YSG1PYV4CW37KD','{"active":false}','{}','{"active":true}','[]','{"kind":"duration","seconds":43200.0,"tz":"UTC","until":"2026-03-03T00:00:00+00:00","count":1}',NULL,1,NULL,'body.offer matches the pattern','applied','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','{"active":false,"ids":["1001","iw8uo9b4kf"]}',NULL,NULL,NULL,NULL,1,1);
INSERT INTO "effects" VALUES(3,3,'onboarding','pub','ensure','publisher','email=ann@example.com','main','default','event=01M87CSGQ8KW76RM3E977FBX4R','{"email":"ann@example.com","name":"Ann Ltd","active":true}','{"email":"ann@example.com"}','null','[]','null',NULL,0,NULL,'body.email matches the pattern','applied','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','{"id":"g9pdvdut8w","created":true}',NULL,NULL,NULL,NULL,1,1);
INSERT INTO "effects" VALUES(4,3,'onboarding','2','ensure','user','email=ann@example.com','main','default','event=01M87CSGQ8KW76RM3E977FBX4R','{"email":"ann@example.com","role":"accountManager","password":{"$generate":"password"},"first_name":"g9pdvdut8w"}','{"email":"ann@example.com"}','null','["pub"]','null',NULL,0,NULL,'body.email matches the pattern','applied','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','{"id":"chnw8vrer9","created":true,"handover":"gAAAAABrBdY2TPgxpDyJajJI_utffsHc8c_zK9Z7MnHrp_2dQYCVMV4lT9CiaNwmz-3Yndj8s4EFM27viz5gvZ8CCMIGbGuD5cXXlevJQBb5u-JJNw6w57JtcX0SLVug-smuZty-Qjl9"}',NULL,NULL,NULL,NULL,1,1);
CREATE TABLE entities (
	id INTEGER NOT NULL, 
	account VARCHAR NOT NULL, 
	integration VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	ref VARCHAR NOT NULL, 
	number VARCHAR, 
	parent VARCHAR, 
	name VARCHAR, 
	active BOOLEAN, 
	fields JSON NOT NULL, 
	first_seen DATETIME NOT NULL, 
	last_seen DATETIME NOT NULL, 
	changed_at DATETIME NOT NULL, 
	gone_at DATETIME, 
	CONSTRAINT pk_entities PRIMARY KEY (id), 
	CONSTRAINT uq_entities_account_kind_ref_integration UNIQUE (account, kind, ref, integration)
);
INSERT INTO "entities" VALUES(1,'main','default','advertiser','ncsbpcdp3e','11',NULL,'Advertiser',1,'{"id":"ncsbpcdp3e","incremental_id":11,"organization":"0rganized1","name":"Advertiser","active":true,"address":"","company_name":"","country":"","description":"","email":"","first_name":"","last_name":"","manager_id":"","messenger":"","phone":"","website":"","created_at":"2026-03-02T12:00:00+00:00","updated_at":"2026-03-02T12:00:00+00:00"}','2026-03-02 12:00:00.000000','2026-03-02 12:10:00.000000','2026-03-02 12:00:00.000000',NULL);
INSERT INTO "entities" VALUES(2,'main','default','publisher','hyplvqk2zi','201',NULL,'Publisher',1,'{"id":"hyplvqk2zi","incremental_id":201,"organization":"0rganized1","name":"Publisher","active":true,"address":"","company_name":"","country":"","description":"","email":"","first_name":"","last_name":"","manager_id":"","messenger":"","phone":"","website":"","city":"","countries":[],"promotional_method":[],"timezone":"UTC","tracking_domain_ids":[],"created_at":"2026-03-02T12:00:00+00:00","updated_at":"2026-03-02T12:00:00+00:00"}','2026-03-02 12:00:00.000000','2026-03-02 12:10:00.000000','2026-03-02 12:00:00.000000',NULL);
INSERT INTO "entities" VALUES(3,'main','default','offer','iw8uo9b4kf','1001',NULL,'Bad',1,'{"id":"iw8uo9b4kf","incremental_id":1001,"organization":"0rganized1","integration":"s1mulated0","name":"Bad","advertiser_id":11,"active":true,"allow_duplicate_conversions":false,"block_on_reject":false,"conversion_name":"Conversion","currency":"USD","deep_link_enabled":false,"default_payout":{},"description":"","fallback_url":"","hide_js_tracking":false,"impression_forwarding_enabled":false,"impression_forwarding_url":"","manually_approve_conversions":false,"offer_preview_enabled":false,"parallel_tracking_enabled":false,"parallel_tracking_url":"","primary_domain":"","restriction_note":"","targeting_group_id":"","targeting_simple_enabled":false,"terms_and_conditions":"","terms_and_conditions_enabled":false,"view_through_attribution_enabled":false,"visibility":"Public","created_at":"2026-03-02T12:00:00+00:00","updated_at":"2026-03-02T12:10:00+00:00"}','2026-03-02 12:00:00.000000','2026-03-02 12:10:00.000000','2026-03-02 12:10:00.000000',NULL);
INSERT INTO "entities" VALUES(4,'main','default','offer','el3guxntcc','1002',NULL,'Odd',1,'{"id":"el3guxntcc","incremental_id":1002,"organization":"0rganized1","integration":"s1mulated0","name":"Odd","advertiser_id":11,"active":true,"allow_duplicate_conversions":false,"block_on_reject":false,"conversion_name":"Conversion","currency":"USD","deep_link_enabled":false,"default_payout":{},"description":"","fallback_url":"","hide_js_tracking":false,"impression_forwarding_enabled":false,"impression_forwarding_url":"","manually_approve_conversions":false,"offer_preview_enabled":false,"parallel_tracking_enabled":false,"parallel_tracking_url":"","primary_domain":"","restriction_note":"","targeting_group_id":"","targeting_simple_enabled":false,"terms_and_conditions":"","terms_and_conditions_enabled":false,"view_through_attribution_enabled":false,"visibility":"Public","created_at":"2026-03-02T12:00:00+00:00","updated_at":"2026-03-02T12:00:00+00:00"}','2026-03-02 12:00:00.000000','2026-03-02 12:10:00.000000','2026-03-02 12:00:00.000000',NULL);
INSERT INTO "entities" VALUES(5,'main','default','publisher','g9pdvdut8w','202',NULL,'Ann Ltd',1,'{"id":"g9pdvdut8w","incremental_id":202,"organization":"0rganized1","name":"Ann Ltd","active":true,"address":"","company_name":"","country":"","description":"","email":"ann@example.com","first_name":"","last_name":"","manager_id":"","messenger":"","phone":"","website":"","city":"","countries":[],"promotional_method":[],"timezone":"UTC","tracking_domain_ids":[],"created_at":"2026-03-02T12:00:00+00:00","updated_at":"2026-03-02T12:00:00+00:00"}','2026-03-02 12:10:00.000000','2026-03-02 12:10:00.000000','2026-03-02 12:10:00.000000',NULL);
CREATE TABLE entity_changes (
	id INTEGER NOT NULL, 
	account VARCHAR NOT NULL, 
	integration VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	ref VARCHAR NOT NULL, 
	field VARCHAR NOT NULL, 
	"before" JSON, 
	"after" JSON, 
	after_at DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, 
	cause VARCHAR NOT NULL, 
	rule VARCHAR, 
	effect_id INTEGER, 
	CONSTRAINT pk_entity_changes PRIMARY KEY (id)
);
INSERT INTO "entity_changes" VALUES(1,'main','default','offer','iw8uo9b4kf','active','true','false','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','rule','bad-offer',2);
INSERT INTO "entity_changes" VALUES(2,'main','default','offer','iw8uo9b4kf','active','false','true','2026-03-02 12:00:00.000000','2026-03-02 12:10:00.000000','person',NULL,NULL);
CREATE TABLE events (
	id VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	event_type VARCHAR, 
	delivery_id VARCHAR, 
	dedupe_key VARCHAR NOT NULL, 
	method VARCHAR NOT NULL, 
	content_type VARCHAR, 
	headers JSON NOT NULL, 
	"query" JSON NOT NULL, 
	body BLOB NOT NULL, 
	remote VARCHAR, 
	received_at DATETIME NOT NULL, 
	event_time DATETIME, 
	state VARCHAR NOT NULL, 
	problem VARCHAR, 
	finished_at DATETIME, 
	replay_of VARCHAR, 
	traceparent VARCHAR, 
	replay_with VARCHAR, 
	claimed_by VARCHAR, 
	claimed_until DATETIME, 
	fence INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT uq_events_source_dedupe_key UNIQUE (source, dedupe_key)
);
INSERT INTO "events" VALUES('01M87CSGQ8KW76RM3E977FBX4R','crm','deal.signed','1','id:1','POST','application/json','{"user-agent":"Werkzeug/3.1.9"}','[]',X'7B226964223A202231222C202274797065223A20226465616C2E7369676E6564222C2022656D61696C223A2022616E6E406578616D706C652E636F6D222C2022636F6D70616E79223A2022416E6E204C7464227D','127.0.0.1','2026-03-02 12:00:00.000000',NULL,'done',NULL,'2026-03-02 12:00:00.000000',NULL,NULL,NULL,NULL,NULL,1,1);
INSERT INTO "events" VALUES('01M87CSGQNG6YSG1PYV4CW37KD','crm','offer.bad','2','id:2','POST','application/json','{"user-agent":"Werkzeug/3.1.9"}','[]',X'7B226964223A202232222C202274797065223A20226F666665722E626164222C20226F66666572223A2022697738756F3962346B66227D','127.0.0.1','2026-03-02 12:00:00.000000',NULL,'done',NULL,'2026-03-02 12:00:00.000000',NULL,NULL,NULL,NULL,NULL,1,1);
INSERT INTO "events" VALUES('01M87CSGQW0DY089B1DT38QFS5','crm','offer.odd','3','id:3','POST','application/json','{"user-agent":"Werkzeug/3.1.9"}','[]',X'7B226964223A202233222C202274797065223A20226F666665722E6F6464222C20226F66666572223A2022656C336775786E746363227D','127.0.0.1','2026-03-02 12:00:00.000000',NULL,'done',NULL,'2026-03-02 12:00:00.000000',NULL,NULL,NULL,NULL,NULL,1,1);
CREATE TABLE export_starts (
	id INTEGER NOT NULL, 
	account VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_export_starts PRIMARY KEY (id)
);
INSERT INTO "export_starts" VALUES(1,'text','2026-03-02 12:00:00.000000');
CREATE TABLE feed_marks (
	id INTEGER NOT NULL, 
	feed_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	as_of DATETIME NOT NULL, 
	CONSTRAINT pk_feed_marks PRIMARY KEY (id), 
	CONSTRAINT fk_feed_marks_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id) ON DELETE CASCADE
);
INSERT INTO "feed_marks" VALUES(1,1,'2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000');
INSERT INTO "feed_marks" VALUES(2,2,'2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000');
INSERT INTO "feed_marks" VALUES(3,1,'2026-03-02 12:10:00.000000','2026-03-02 12:10:00.000000');
INSERT INTO "feed_marks" VALUES(4,2,'2026-03-02 12:10:00.000000','2026-03-02 12:10:00.000000');
CREATE TABLE feeds (
	id INTEGER NOT NULL, 
	account VARCHAR NOT NULL, 
	integration VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	since DATETIME, 
	as_of DATETIME, 
	rescanned_at DATETIME, 
	rescan_pages INTEGER NOT NULL, 
	scans JSON NOT NULL, 
	refused_rows INTEGER NOT NULL, 
	problem VARCHAR, 
	alerted_at DATETIME, 
	CONSTRAINT pk_feeds PRIMARY KEY (id), 
	CONSTRAINT uq_feeds_account_integration_kind UNIQUE (account, integration, kind)
);
INSERT INTO "feeds" VALUES(1,'main','default','clicks','2026-02-23 12:00:00.000000','2026-03-02 12:10:00.000000','2026-03-02 12:00:00.000000',0,'{}',0,NULL,NULL);
INSERT INTO "feeds" VALUES(2,'main','default','conversions','2026-02-23 12:00:00.000000','2026-03-02 12:10:00.000000','2026-03-02 12:00:00.000000',0,'{}',0,NULL,NULL);
CREATE TABLE generations (
	id INTEGER NOT NULL, 
	loaded_at DATETIME NOT NULL, 
	digest VARCHAR NOT NULL, 
	problems JSON NOT NULL, 
	CONSTRAINT pk_generations PRIMARY KEY (id)
);
INSERT INTO "generations" VALUES(1,'2026-03-02 12:00:00.000000','55b9c8f155672e1fcf316a98275e904cea66625d1eddeb204bb6d6ada867c9cf','[]');
INSERT INTO "generations" VALUES(2,'2026-03-02 12:00:00.000000','0ea3b645758bd9b36bd67198252de757e73a22c3ebfafa34155869f6eb98fe63','[]');
INSERT INTO "generations" VALUES(3,'2026-03-02 12:00:00.000000','4177183d157afed7f469fe8440a8bb9bc3cfa3976308bdc1a72d18c5235530f0','[]');
CREATE TABLE halts (
	id INTEGER NOT NULL, 
	since DATETIME NOT NULL, 
	"by" VARCHAR NOT NULL, 
	why VARCHAR NOT NULL, 
	ended_at DATETIME, 
	ended_by VARCHAR, 
	CONSTRAINT pk_halts PRIMARY KEY (id)
);
INSERT INTO "halts" VALUES(1,'2026-03-02 12:10:00.000000','ann','an example','2026-03-02 12:10:00.000000','ann');
CREATE TABLE handovers (
	token_hash VARCHAR NOT NULL, 
	effect_id INTEGER NOT NULL, 
	about VARCHAR NOT NULL, 
	sealed BLOB NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_handovers PRIMARY KEY (token_hash)
);
INSERT INTO "handovers" VALUES('03129cca18bd3bd5c128b52153ecec6728ba1c5d80bb94e6019c8e31761aaae1',4,'user email=ann@example.com',X'6741414141414272426459326E363258756A49454850346E4166686D456A3545456D484677412D4731785049745F76764455523767446373356F6F7566795F695439645544386736455946664161594C4F716C4B595F7047686248664A31326455374A6D704A50544663395F3069714B53616A347439417831626B625F61516B4D653034332D583841597968','2026-03-02 12:00:00.000000','2026-03-05 12:00:00.000000');
CREATE TABLE heartbeats (
	name VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	detail JSON, 
	CONSTRAINT pk_heartbeats PRIMARY KEY (name)
);
INSERT INTO "heartbeats" VALUES('tick','2026-03-02 12:10:00.000000','null');
INSERT INTO "heartbeats" VALUES('clock set','2026-03-02 12:10:00.000000','null');
CREATE TABLE holds (
	id INTEGER NOT NULL, 
	rule_id VARCHAR NOT NULL, 
	effect_id INTEGER, 
	account VARCHAR NOT NULL, 
	integration VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	target_id VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	since DATETIME NOT NULL, 
	until DATETIME, 
	count INTEGER NOT NULL, 
	we_paused BOOLEAN NOT NULL, 
	state VARCHAR NOT NULL, 
	ended_at DATETIME, 
	ended_by VARCHAR, 
	ended_why VARCHAR, 
	CONSTRAINT pk_holds PRIMARY KEY (id)
);
INSERT INTO "holds" VALUES(1,'bad-offer',2,'main','default','offer','iw8uo9b4kf','event=01M87CSGQNG6YSG1PYV4CW37KD','2026-03-02 12:00:00.000000','2026-03-03 00:00:00.000000',1,1,'active',NULL,NULL,NULL);
CREATE TABLE hushes (
	id INTEGER NOT NULL, 
	channel VARCHAR, 
	rule_id VARCHAR, 
	topic VARCHAR, 
	until DATETIME NOT NULL, 
	"by" VARCHAR NOT NULL, 
	why VARCHAR NOT NULL, 
	CONSTRAINT pk_hushes PRIMARY KEY (id)
);
INSERT INTO "hushes" VALUES(1,NULL,NULL,NULL,'2026-03-02 12:00:00.000000','text','text');
CREATE TABLE live_revisions (
	generation_id INTEGER NOT NULL, 
	rule_id VARCHAR NOT NULL, 
	hash VARCHAR NOT NULL, 
	stale BOOLEAN NOT NULL, 
	CONSTRAINT pk_live_revisions PRIMARY KEY (generation_id, rule_id), 
	CONSTRAINT fk_live_revisions_generation_id FOREIGN KEY(generation_id) REFERENCES generations (id) ON DELETE CASCADE, 
	CONSTRAINT fk_live_revisions_hash FOREIGN KEY(hash) REFERENCES revisions (hash)
);
INSERT INTO "live_revisions" VALUES(1,'onboarding','e3a8d88d8c448efc',0);
INSERT INTO "live_revisions" VALUES(2,'onboarding','e3a8d88d8c448efc',0);
INSERT INTO "live_revisions" VALUES(2,'bad-offer','e340bf90ce17c7f9',0);
INSERT INTO "live_revisions" VALUES(3,'onboarding','e3a8d88d8c448efc',0);
INSERT INTO "live_revisions" VALUES(3,'bad-offer','e340bf90ce17c7f9',0);
INSERT INTO "live_revisions" VALUES(3,'ask-first','b85eac6336e4e47a',0);
CREATE TABLE mutes (
	rule_id VARCHAR NOT NULL, 
	account VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	target_id VARCHAR NOT NULL, 
	until DATETIME NOT NULL, 
	why VARCHAR NOT NULL, 
	CONSTRAINT pk_mutes PRIMARY KEY (rule_id, account, kind, target_id)
);
INSERT INTO "mutes" VALUES('text','text','text','text','2026-03-02 12:00:00.000000','text');
CREATE TABLE newest (
	line VARCHAR NOT NULL, 
	about VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	event_id VARCHAR NOT NULL, 
	received_at DATETIME NOT NULL, 
	decided_at DATETIME NOT NULL, 
	CONSTRAINT pk_newest PRIMARY KEY (line, about)
);
INSERT INTO "newest" VALUES('text','text','text','text','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000');
CREATE TABLE notices (
	id INTEGER NOT NULL, 
	channel VARCHAR NOT NULL, 
	topic VARCHAR NOT NULL, 
	dedupe_key VARCHAR NOT NULL, 
	rule_id VARCHAR, 
	owner VARCHAR, 
	text VARCHAR NOT NULL, 
	data JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	due_at DATETIME NOT NULL, 
	state VARCHAR NOT NULL, 
	ended_at DATETIME, 
	error VARCHAR, 
	claimed_by VARCHAR, 
	claimed_until DATETIME, 
	fence INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	CONSTRAINT pk_notices PRIMARY KEY (id), 
	CONSTRAINT ck_notices_state CHECK (state IN ('waiting', 'sent', 'silenced', 'failed')), 
	CONSTRAINT uq_notices_channel_dedupe_key UNIQUE (channel, dedupe_key)
);
INSERT INTO "notices" VALUES(1,'text','text','text',NULL,NULL,'text','{}','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','waiting',NULL,NULL,NULL,NULL,0,0);
CREATE TABLE observation_chunks (
	id INTEGER NOT NULL, 
	feed_id INTEGER NOT NULL, 
	level INTEGER NOT NULL, 
	count INTEGER NOT NULL, 
	first_event DATETIME NOT NULL, 
	last_event DATETIME NOT NULL, 
	first_seen DATETIME NOT NULL, 
	last_seen DATETIME NOT NULL, 
	replaces JSON NOT NULL, 
	size INTEGER NOT NULL, 
	columns BLOB NOT NULL, 
	CONSTRAINT pk_observation_chunks PRIMARY KEY (id), 
	CONSTRAINT fk_observation_chunks_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id) ON DELETE CASCADE
);
INSERT INTO "observation_chunks" VALUES(1,1,0,50,'2026-03-02 09:01:09.000000','2026-03-02 11:59:30.000000','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','[]',1462,X'49424631F40100007B22636F756E74223A35302C226E756D62657273223A5B5B227365656E222C313737323435323830302C22222C302C66616C73655D2C5B226E7468222C302C22222C302C66616C73655D2C5B22737461747573222C312C22222C302C66616C73655D2C5B22776569676874222C312C22222C302C66616C73655D2C5B227061796F7574222C302C22222C302C66616C73655D2C5B22726576656E7565222C302C22222C302C66616C73655D2C5B2264656C6179222C2D312C22222C302C66616C73655D2C5B226576656E74222C2D373437392C223C7534222C3137352C747275655D2C5B227374616D70222C31352C223C7532222C3130302C66616C73655D2C5B2272616E646F6D222C3236382C223C7532222C3130302C66616C73655D2C5B226C6F77222C3232323532343234303838323832313631302C223C7538222C3430302C66616C73655D5D2C226C6162656C73223A5B5B226F66666572222C31332C322C312C22222C302C66616C73655D2C5B227075626C6973686572222C31322C322C312C22222C302C66616C73655D2C5B2261647665727469736572222C31312C322C312C22222C302C66616C73655D2C5B227375625F6964222C32392C382C312C227C7531222C34302C747275655D2C5B22636F756E747279222C33322C392C312C227C7531222C34322C747275655D5D7D78010DCEB92E44011406E06F34A3B1E4722D215C3211CB4C4626D73493CC4328741E40A2164441258444A1D41285B7D04B3C804A943A8992FF3467F9B7737FF578502EF2BE4A354DB34B7B9EDBCC2F4B3C35A8D7E8D5ECE268106C92FDB1F4ADF067382F29E6B8DEE17594BF95E043DE4638AC3829F89EA5D5E332DEC71DB697590F5667FF18E779828B3E67D1DE24F321DC9F789653FC6E2438556DF2D9662FDCBBDC1B2DBE1638CDEFFFFBE71DE5840047005900B300E402AF03C30145030A012E00C901540049020E004302990200003601A4032D03E1017F025D0278035600C800CD0368023A02CF02A2031B039A03E701B8025A0386011C02FC027001D20122027702A6012400D200F002F500050362037DFB3A46A22D941317659FA64EE1102CE2568E10CE878456EF8FA8E93AF589487C0E207C67852A6DFE699958E30E0971599B454FB11119E10B0EC60CD4DE397AECDDC6656893141F208ECAF00000063A25751A7BAA482FFD88A7B761AEC2364E65B1C95750801A79AF4E3A671F2C72A1C19FC48944A20699C13BBA93C69859A39E7F047CB907B7288553D16290F685B756FE039B56831C20865FB0ABD3D6E6EA8BEB27121C0804432972F2DCF3324590CC4EB37164228FE950832968EA0A7FEE606CBDBE037DCB22591A069966B5202AFEB6FE607F823830F9EBF206118D20FC225A94C130F7496E14468D0D6B8B2CEB433BD4EBC5845157B78FC64994AD51E73AC2A5CE26A57DE21D77F77F5858561BF14FE8AE21E3A466E8D76C6349A5A972071953CF3FC8431F48A7EE276D6663A42C0A69CE12D328609A2CD6F7272EEC5081E609448E133EE26B194C7BF1885F71E3F74BBAA72AF08B184098F0C32229298ED76A1773B02A39F13A31E33011DBEE6361E76FE3B56C5CAD830F7C0B9FD41522A9E7F095417E7205D92AC914374C9B9957DF14DB7287071E0C1645DFAFA825BF4E17F21DC50ACA96C7B7ED00000000000000003603017F9C3BD06F9752EE6915B8DD90D393FFEAD7F54A38C5561F0DB45A5EB4E647546FE85EC8102558717F986A7EB097D35E098BF147769E2859A7804216A878016330343030040001EA00C37801633032300400012B009478016330340400009600637801632836602836632836652836612836662836622836040030B3048B780115C8B70D00300C0330F5FF4F76026E4C2BC19C2C191931075E832E2CFD44F8A1153C0F040094780163700A62707762F00C61700D6608F061080D66700B6270710500386204B878010DC8C10100300802313844F7DFB8CD3353554C6FEDC1DA2CB192BB89701C58A02DEEAF070F880096');
INSERT INTO "observation_chunks" VALUES(2,2,0,3,'2026-03-02 09:43:14.000000','2026-03-02 11:33:13.000000','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','[]',684,X'49424631160200007B22636F756E74223A332C226E756D62657273223A5B5B227365656E222C313737323435323830302C22222C302C66616C73655D2C5B226E7468222C302C22222C302C66616C73655D2C5B22737461747573222C312C22222C302C66616C73655D2C5B22776569676874222C312C22222C302C66616C73655D2C5B227061796F7574222C302C22222C302C66616C73655D2C5B22726576656E7565222C302C22222C302C66616C73655D2C5B2264656C6179222C3333332C223C7532222C362C66616C73655D2C5B226576656E74222C2D333038392C223C7534222C31322C66616C73655D2C5B227374616D70222C3532322C223C7532222C362C66616C73655D2C5B2272616E646F6D222C31363232372C223C7532222C362C66616C73655D2C5B226C6F77222C31303537303436323833393134373732383235302C223C7538222C32342C66616C73655D5D2C226C6162656C73223A5B5B226F66666572222C31332C322C312C22222C302C66616C73655D2C5B227075626C6973686572222C31322C322C312C22222C302C66616C73655D2C5B2261647665727469736572222C31312C322C312C22222C302C66616C73655D2C5B227375625F6964222C31372C342C312C227C7531222C332C66616C73655D2C5B22636F756E747279222C31372C342C312C227C7531222C332C66616C73655D2C5B2263757272656E6379222C31322C322C312C22222C302C66616C73655D5D7D950009020000D473A56900000000D82500004A0100009F0000009F8A944455633E92F38D532A0000000000000000B323E621C0D4424978016330343030040001EA00C37801633032300400012B0094780163303404000096006378016328366328366628360400093D01F4010200780163F00C61700A62080D0600082C01DA010200780163080D76010001ED00ED');
CREATE TABLE plans (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	rule_id VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	stops JSON NOT NULL, 
	money_24h BIGINT, 
	on_failure VARCHAR NOT NULL, 
	decide_by DATETIME, 
	decided_by VARCHAR, 
	decided_at DATETIME, 
	decision VARCHAR, 
	note VARCHAR, 
	difference JSON, 
	canary VARCHAR, 
	undoes INTEGER, 
	ended_at DATETIME, 
	CONSTRAINT pk_plans PRIMARY KEY (id), 
	CONSTRAINT ck_plans_state CHECK (state IN ('nothing', 'shadow', 'waiting', 'ready', 'stopped', 'dropped', 'done')), 
	CONSTRAINT fk_plans_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "plans" VALUES(1,1,'ask-first','waiting','2026-03-02 12:00:00.000000','[]',NULL,'ask','2026-03-02 16:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "plans" VALUES(2,2,'bad-offer','done','2026-03-02 12:00:00.000000','[]',NULL,'ask',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-03-02 12:00:00.000000');
INSERT INTO "plans" VALUES(3,3,'onboarding','done','2026-03-02 12:00:00.000000','[]',NULL,'ask',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-03-02 12:00:00.000000');
CREATE TABLE revisions (
	hash VARCHAR NOT NULL, 
	rule_id VARCHAR NOT NULL, 
	file VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	first_seen_at DATETIME NOT NULL, 
	CONSTRAINT pk_revisions PRIMARY KEY (hash)
);
INSERT INTO "revisions" VALUES('e3a8d88d8c448efc','onboarding','rules/a.yaml','schema: 1
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
    with: {role: accountManager, password: generate, first_name: "{{ pub.id }}"}','2026-03-02 12:00:00.000000');
INSERT INTO "revisions" VALUES('e340bf90ce17c7f9','bad-offer','rules/b.yaml','schema: 1
id: bad-offer
mode: live
trigger: {webhook: {source: crm, event: offer.bad, dedupe: body.id}}
when: {all: [body.offer matches "."]}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 12h
guards: {at_most: {targets: 1000, share: 100%}}','2026-03-02 12:00:00.000000');
INSERT INTO "revisions" VALUES('b85eac6336e4e47a','ask-first','rules/c.yaml','schema: 1
id: ask-first
mode: approve
trigger: {webhook: {source: crm, event: offer.odd, dedupe: body.id}}
when: {all: [body.offer matches "."]}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 12h
guards: {at_most: {targets: 1000, share: 100%}}','2026-03-02 12:00:00.000000');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	rule_id VARCHAR NOT NULL, 
	revision VARCHAR NOT NULL, 
	mode VARCHAR NOT NULL, 
	cause VARCHAR NOT NULL, 
	cause_key VARCHAR NOT NULL, 
	event_id VARCHAR, 
	due_at DATETIME NOT NULL, 
	started_at DATETIME NOT NULL, 
	data_as_of DATETIME, 
	yes INTEGER NOT NULL, 
	no INTEGER NOT NULL, 
	no_decision INTEGER NOT NULL, 
	traceparent VARCHAR, 
	outcome VARCHAR NOT NULL, 
	error VARCHAR, 
	answers BLOB, 
	"by" VARCHAR, 
	CONSTRAINT pk_runs PRIMARY KEY (id), 
	CONSTRAINT uq_runs_rule_id_cause_key UNIQUE (rule_id, cause_key)
);
INSERT INTO "runs" VALUES(1,'ask-first','b85eac6336e4e47a','approve','event','dedupe:3','01M87CSGQW0DY089B1DT38QFS5','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000',NULL,1,0,0,NULL,'waiting',NULL,NULL,NULL);
INSERT INTO "runs" VALUES(2,'bad-offer','e340bf90ce17c7f9','live','event','dedupe:2','01M87CSGQNG6YSG1PYV4CW37KD','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000',NULL,1,0,0,NULL,'ready',NULL,NULL,NULL);
INSERT INTO "runs" VALUES(3,'onboarding','e3a8d88d8c448efc','live','event','dedupe:1','01M87CSGQ8KW76RM3E977FBX4R','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000',NULL,1,0,0,NULL,'ready',NULL,NULL,NULL);
CREATE TABLE sign_in_tries (
	"key" VARCHAR NOT NULL, 
	since DATETIME NOT NULL, 
	number INTEGER NOT NULL, 
	CONSTRAINT pk_sign_in_tries PRIMARY KEY ("key")
);
INSERT INTO "sign_in_tries" VALUES('text','2026-03-02 12:00:00.000000',1);
CREATE TABLE sign_ins (
	digest VARCHAR NOT NULL, 
	token_id INTEGER, 
	user_id INTEGER, 
	begun_at DATETIME NOT NULL, 
	until DATETIME NOT NULL, 
	CONSTRAINT pk_sign_ins PRIMARY KEY (digest), 
	CONSTRAINT ck_sign_ins_one_visitor CHECK ((token_id IS NULL) <> (user_id IS NULL)), 
	CONSTRAINT fk_sign_ins_token_id FOREIGN KEY(token_id) REFERENCES tokens (id) ON DELETE CASCADE, 
	CONSTRAINT fk_sign_ins_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO "sign_ins" VALUES('text',1,NULL,'2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000');
CREATE TABLE slots (
	id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	state VARCHAR NOT NULL, 
	ended_at DATETIME, 
	problem VARCHAR, 
	progress JSON, 
	claimed_by VARCHAR, 
	claimed_until DATETIME, 
	fence INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	CONSTRAINT pk_slots PRIMARY KEY (id), 
	CONSTRAINT uq_slots_key_at UNIQUE ("key", at)
);
INSERT INTO "slots" VALUES(1,'feed','feed:main:default:clicks:head','2026-03-02 12:00:00.000000','done','2026-03-02 12:00:00.000000',NULL,NULL,NULL,NULL,1,1);
INSERT INTO "slots" VALUES(2,'feed','feed:main:default:conversions:head','2026-03-02 12:00:00.000000','done','2026-03-02 12:00:00.000000',NULL,NULL,NULL,NULL,1,1);
INSERT INTO "slots" VALUES(3,'mirror','mirror:main:default:entities','2026-03-02 12:00:00.000000','done','2026-03-02 12:00:00.000000',NULL,NULL,NULL,NULL,1,1);
INSERT INTO "slots" VALUES(4,'mirror','mirror:main:default:settling','2026-03-02 00:00:00.000000','done','2026-03-02 12:00:00.000000',NULL,NULL,NULL,NULL,1,1);
INSERT INTO "slots" VALUES(5,'mirror','mirror:main:default:agreement','2026-03-02 12:00:00.000000','done','2026-03-02 12:00:00.000000',NULL,NULL,NULL,NULL,1,1);
INSERT INTO "slots" VALUES(6,'feed','feed:main:default:clicks:head','2026-03-02 12:10:00.000000','done','2026-03-02 12:10:00.000000',NULL,NULL,NULL,NULL,1,1);
INSERT INTO "slots" VALUES(7,'feed','feed:main:default:conversions:head','2026-03-02 12:10:00.000000','done','2026-03-02 12:10:00.000000',NULL,NULL,NULL,NULL,1,1);
INSERT INTO "slots" VALUES(8,'mirror','mirror:main:default:entities','2026-03-02 12:10:00.000000','done','2026-03-02 12:10:00.000000',NULL,NULL,NULL,NULL,1,1);
CREATE TABLE streaks (
	rule_id VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	since DATETIME, 
	looks INTEGER NOT NULL, 
	counted_at DATETIME NOT NULL, 
	CONSTRAINT pk_streaks PRIMARY KEY (rule_id, subject)
);
INSERT INTO "streaks" VALUES('text','text',NULL,1,'2026-03-02 12:00:00.000000');
CREATE TABLE tokens (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	prefix VARCHAR NOT NULL, 
	hash VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	created_by VARCHAR NOT NULL, 
	expires_at DATETIME, 
	last_used_at DATETIME, 
	revoked_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_prefix UNIQUE (prefix)
);
INSERT INTO "tokens" VALUES(1,'text','text','text','text','2026-03-02 12:00:00.000000','text',NULL,NULL,NULL);
CREATE TABLE trials (
	id INTEGER NOT NULL, 
	rule_id VARCHAR NOT NULL, 
	revision VARCHAR NOT NULL, 
	start DATETIME NOT NULL, 
	"end" DATETIME NOT NULL, 
	step_seconds INTEGER, 
	against VARCHAR NOT NULL, 
	"by" VARCHAR NOT NULL, 
	asked_at DATETIME NOT NULL, 
	state VARCHAR NOT NULL, 
	looks INTEGER, 
	looks_done INTEGER NOT NULL, 
	looking_at DATETIME, 
	ended_at DATETIME, 
	problem VARCHAR, 
	backtest_id INTEGER, 
	claimed_by VARCHAR, 
	claimed_until DATETIME, 
	fence INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	CONSTRAINT pk_trials PRIMARY KEY (id)
);
INSERT INTO "trials" VALUES(1,'text','text','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000',NULL,'text','text','2026-03-02 12:00:00.000000','waiting',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,0,0);
CREATE TABLE troubles (
	"key" VARCHAR NOT NULL, 
	since DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, 
	text VARCHAR NOT NULL, 
	CONSTRAINT pk_troubles PRIMARY KEY ("key")
);
INSERT INTO "troubles" VALUES('text','2026-03-02 12:00:00.000000','2026-03-02 12:00:00.000000','text');
CREATE TABLE turns (
	name VARCHAR NOT NULL, 
	holder VARCHAR, 
	until DATETIME, 
	fence INTEGER NOT NULL, 
	CONSTRAINT pk_turns PRIMARY KEY (name)
);
INSERT INTO "turns" VALUES('decide',NULL,NULL,5);
CREATE TABLE usage (
	account VARCHAR NOT NULL, 
	hour DATETIME NOT NULL, 
	operation VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	requests INTEGER NOT NULL, 
	waited FLOAT NOT NULL, 
	took FLOAT NOT NULL, 
	slowest FLOAT NOT NULL, 
	CONSTRAINT pk_usage PRIMARY KEY (account, hour, operation, outcome)
);
INSERT INTO "usage" VALUES('text','2026-03-02 12:00:00.000000','text','text',1,1.0,1.0,1.0);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','advertisers.list','ok',2,7.54719949327409267425e-05,2.44478300737682729959e-03,1.79889600258320569992e-03);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','offers.get','ok',1,3.11859985231421887874e-05,5.96753998252097517251e-04,5.96753998252097517251e-04);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','offers.list','ok',2,8.97740028449334204196e-05,2.50609200156759470701e-03,1.76858000486390665173e-03);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','offers.set_status','ok',2,8.11900026747025549411e-05,1.77200499456375837326e-03,1.14360400039004161953e-03);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','publishers.create','ok',1,2.69200027105398476123e-05,7.38623995857778936624e-04,7.38623995857778936624e-04);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','publishers.get','ok',1,2.18529967241920530796e-05,5.48592004633974283933e-04,5.48592004633974283933e-04);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','publishers.list','ok',3,1.39716998091898858547e-04,6.46049199713161215186e-03,2.21186700218822807073e-03);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','reports.clicks','ok',2,8.57770064612850546836e-05,7.29397699615219607949e-03,6.51901799574261531233e-03);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','reports.conversions','ok',2,1.07740001112688332796e-04,2.63573499978519976139e-03,1.55381199874682351946e-03);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','users.create','ok',1,2.56180064752697944641e-05,6.79135999234858900308e-04,6.79135999234858900308e-04);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','users.get','ok',1,2.24640025408007204532e-05,4.24218000262044370174e-04,4.24218000262044370174e-04);
INSERT INTO "usage" VALUES('main','2026-03-02 12:00:00.000000','users.list','ok',1,2.66589995590038597583e-05,5.43025002116337418556e-04,5.43025002116337418556e-04);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	folded VARCHAR NOT NULL, 
	email VARCHAR, 
	role VARCHAR NOT NULL, 
	hash VARCHAR, 
	must_change BOOLEAN NOT NULL, 
	subject VARCHAR, 
	created_at DATETIME NOT NULL, 
	created_by VARCHAR NOT NULL, 
	last_sign_in_at DATETIME, 
	disabled_at DATETIME, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_folded UNIQUE (folded), 
	CONSTRAINT uq_users_subject UNIQUE (subject)
);
INSERT INTO "users" VALUES(1,'text','text',NULL,'text',NULL,0,NULL,'2026-03-02 12:00:00.000000','text',NULL,NULL);
CREATE TABLE verdicts (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	subject VARCHAR NOT NULL, 
	answer INTEGER NOT NULL, 
	why VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	trace JSON NOT NULL, 
	CONSTRAINT pk_verdicts PRIMARY KEY (id), 
	CONSTRAINT fk_verdicts_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "verdicts" VALUES(1,1,'event=01M87CSGQW0DY089B1DT38QFS5',1,'known','body.offer matches the pattern','{"text":"ask-first","answer":"yes","parts":[{"text":"all","answer":"yes","parts":[{"text":"body.offer matches \".\"","answer":"yes","value":"el3guxntcc","threshold":"."}]}]}');
INSERT INTO "verdicts" VALUES(2,2,'event=01M87CSGQNG6YSG1PYV4CW37KD',1,'known','body.offer matches the pattern','{"text":"bad-offer","answer":"yes","parts":[{"text":"all","answer":"yes","parts":[{"text":"body.offer matches \".\"","answer":"yes","value":"iw8uo9b4kf","threshold":"."}]}]}');
INSERT INTO "verdicts" VALUES(3,3,'event=01M87CSGQ8KW76RM3E977FBX4R',1,'known','body.email matches the pattern','{"text":"onboarding","answer":"yes","parts":[{"text":"all","answer":"yes","parts":[{"text":"body.email matches \"@\"","answer":"yes","value":"ann@example.com","threshold":"@"}]}]}');
CREATE INDEX ix_answers_at ON answers (at);
CREATE INDEX ix_audit_at ON audit (at);
CREATE INDEX ix_backtests_rule_id ON backtests (rule_id);
CREATE INDEX ix_calls_started_at ON calls (started_at);
CREATE INDEX ix_entities_account_kind_number ON entities (account, kind, number);
CREATE INDEX ix_entity_changes_seen_at ON entity_changes (seen_at);
CREATE INDEX ix_entity_changes_target ON entity_changes (account, ref, kind, seen_at);
CREATE INDEX ix_events_received_at ON events (received_at);
CREATE INDEX ix_events_state_received_at ON events (state, received_at);
CREATE INDEX ix_export_starts_account_at ON export_starts (account, at);
CREATE INDEX ix_handovers_effect_id ON handovers (effect_id);
CREATE INDEX ix_holds_rule_id_state_until ON holds (rule_id, state, until);
CREATE INDEX ix_holds_state_until ON holds (state, until);
CREATE INDEX ix_holds_subject_rule_id_state ON holds (subject, rule_id, state);
CREATE INDEX ix_holds_target_id_state_rule_id ON holds (target_id, state, rule_id);
CREATE INDEX ix_hushes_until ON hushes (until);
CREATE INDEX ix_newest_decided_at ON newest (decided_at);
CREATE INDEX ix_notices_state_due_at ON notices (state, due_at);
CREATE INDEX ix_revisions_rule_id ON revisions (rule_id);
CREATE INDEX ix_runs_event_id ON runs (event_id);
CREATE INDEX ix_runs_rule_id_id ON runs (rule_id, id);
CREATE INDEX ix_runs_rule_id_started_at ON runs (rule_id, started_at);
CREATE INDEX ix_runs_started_at ON runs (started_at);
CREATE INDEX ix_sign_in_tries_since ON sign_in_tries (since);
CREATE INDEX ix_slots_state_at ON slots (state, at);
CREATE INDEX ix_trials_rule_id_id ON trials (rule_id, id);
CREATE INDEX ix_trials_state ON trials (state);
CREATE INDEX ix_usage_hour ON usage (hour);
CREATE INDEX ix_feed_marks_feed_id_at ON feed_marks (feed_id, at);
CREATE INDEX ix_observation_chunks_feed_id_last_event ON observation_chunks (feed_id, last_event);
CREATE INDEX ix_plans_rule_id ON plans (rule_id);
CREATE INDEX ix_plans_run_id ON plans (run_id);
CREATE INDEX ix_plans_state_decide_by ON plans (state, decide_by);
CREATE INDEX ix_sign_ins_token_id ON sign_ins (token_id);
CREATE INDEX ix_sign_ins_until ON sign_ins (until);
CREATE INDEX ix_sign_ins_user_id ON sign_ins (user_id);
CREATE INDEX ix_verdicts_run_id ON verdicts (run_id);
CREATE INDEX ix_verdicts_subject_run_id ON verdicts (subject, run_id);
CREATE INDEX ix_effects_ended_at ON effects (ended_at);
CREATE INDEX ix_effects_state_due_at ON effects (state, due_at);
CREATE INDEX ix_effects_target_id_kind ON effects (target_id, kind);
CREATE INDEX ix_effect_calls_call_id ON effect_calls (call_id);
COMMIT;
