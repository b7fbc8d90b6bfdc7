// Generated from the event types of accountability-ledger. JSON numbers are integers within +-(2^53-1).

/** CloudEvents 1.0 in structured JSON, with the extensions that the ledger takes. */
export interface CloudEvent<Type extends string, Data> {
  specversion: "1.0";
  id: string;
  source: string;
  type: Type;
  time: string;
  recordedtime?: string;
  dataschema?: string;
  datacontenttype?: "application/json";
  sequence?: string | number;
  correlationid?: string;
  traceparent?: string;
  dataref?: string;
  data: Data;
}

/** Who acted. A service is a registered system; everyone else is a person, and so is who it acts for. */
export interface Actor {
  id: string;
  kind: "agent" | "authority" | "customer" | "employee" | "guest" | "partner" | "service";
  org?: string;
  on_behalf_of?: string;
}

export interface AssessmentRecorded {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  assessment_id: string;
  kind: "DPIA" | "LIA" | "TIA" | "breach_risk" | "compatibility";
  covers: ReadonlyArray<string>;
  outcome: string;
  countries?: ReadonlyArray<string>;
  digest?: string;
}

export interface AuthorityAnswered {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  authority_request_id: string;
  outcome: string;
  authority?: string;
  country?: string;
}

export interface AuthorityRequested {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  authority_request_id: string;
  authority: string;
  country: string;
  outcome?: string;
}

/** Article 33(3) and 33(5). Persons and records are counted, categories are the common ones. */
export interface Breach {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  breach_id: string;
  kind?: string;
  aware_at?: string;
  began?: string;
  ended?: string;
  person_count?: number;
  consequences?: string;
  measures?: string;
  phase?: string;
  risk?: "high" | "likely" | "unlikely";
  recipient_id?: string;
}

export interface BreachAssessed {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  breach_id: string;
  kind?: string;
  aware_at?: string;
  began?: string;
  ended?: string;
  person_count?: number;
  consequences?: string;
  measures?: string;
  phase?: string;
  risk: "high" | "likely" | "unlikely";
  recipient_id?: string;
}

export interface BreachNotified {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  breach_id: string;
  kind?: string;
  aware_at?: string;
  began?: string;
  ended?: string;
  person_count?: number;
  consequences?: string;
  measures?: string;
  phase?: string;
  risk?: "high" | "likely" | "unlikely";
  recipient_id: string;
}

/** Data shown to a party to a merger, a sale or an insolvency. */
export interface BusinessTransferDisclosed {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  counterparty: string;
}

/** Part `i` of `of` of a list of persons that is longer than one event; the parts share a `correlationid`. */
export interface Chunk {
  of: number;
  i: number;
}

export interface Complaint {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  complaint_id: string;
  forum?: string;
}

/** Requested, refused, withdrawn, invalidated: which consent, and for which purposes. */
export interface ConsentChanged {
  subjects: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  consent_id: string;
  purposes: ReadonlyArray<string>;
  method?: string;
  explicit?: boolean;
  valid?: boolean;
  expires?: string;
}

/** Given or renewed: Article 7(1) asks for proof of what was agreed to, and how. `valid` is false where the consent was bundled or pre-ticked. */
export interface ConsentGiven {
  subjects: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  consent_id: string;
  purposes: ReadonlyArray<string>;
  method: string;
  explicit: boolean;
  valid: boolean;
  expires?: string;
}

/** The event that this one replaces whole. */
export interface Corrects {
  source: string;
  id: string;
}

export interface Coverage {
  from?: string;
  to?: string;
}

export interface DataAccessed {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor: Actor;
  processing_role: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  operation: "create" | "delete" | "export" | "query" | "read" | "update";
  outcome: "allowed" | "denied";
  system?: string;
  store?: string;
  share_id?: string;
}

export interface DataAnonymised {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor: Actor;
  processing_role: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  method: string;
  store: string;
}

export interface DataCollected {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor: Actor;
  processing_role: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  origin: "calendar" | "crm" | "device" | "partner" | "subject";
  store?: string;
}

export interface DataDisclosed {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor: Actor;
  processing_role: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  disclosure_id: string;
  recipient_id: string;
  channel: string;
  side: "recipient" | "source";
  authority_request_id?: string;
  share_id?: string;
}

/** Chapter V: from an exporter to an importer, and from a country to a country. */
export interface DataTransferred {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor: Actor;
  processing_role: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  disclosure_id: string;
  exporter_id: string;
  importer_id: string;
  exporter_role: string;
  importer_role: string;
  origin_country: string;
  destination_country: string;
  remote_access: boolean;
  mechanism_id?: string;
  assessment_id?: string;
  onward_of?: string;
  authority_request_id?: string;
}

/** Article 22: the logic involved and what came out of it, both the subject's. */
export interface DecisionAutomated {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  logic: string;
  outcome: string;
}

/** `rectification.executed`, `portability.delivered`. */
export interface Delivery {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  request_id: string;
  recipient_id?: string;
}

/** A child, or special categories, found in data. `age_band` in years, both ends included: `0-12`. */
export interface Detection {
  subjects: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  age_band?: string;
  categories?: ReadonlyArray<string>;
}

/** Executed, failed, acknowledged: for one target. */
export interface Erasure {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  target: "backup" | "recipient" | "store";
  target_id: string;
  request_id?: string;
  method?: string;
  evidence_digest?: string;
}

/** Linked, unlinked: exactly two identifiers of one person. */
export interface IdentityClaim {
  subjects: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
}

/** A backfill: events of `of_source` whose `time` lies in [from, to) are exempt from lateness. */
export interface ImportDeclared {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  of_source: string;
  from: string;
  to: string;
}

/** Certified, lapsed. `data_types` left out of a lapse means all of them. */
export interface ImporterCertification {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  importer_id: string;
  framework: string;
  data_types?: ReadonlyArray<"hr" | "non_hr">;
}

/** Documented, withdrawn (Article 28(3)(a)). A list left out covers everything. */
export interface Instruction {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  operations?: ReadonlyArray<string>;
  purposes?: ReadonlyArray<string>;
  countries?: ReadonlyArray<string>;
  forward_term?: string;
  breach_term?: string;
}

/** Article 26. */
export interface JointArrangement {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  parties: ReadonlyArray<string>;
  arrangement_id?: string;
  purposes?: ReadonlyArray<string>;
}

/** Placed, released: covers its subjects and categories, or all. */
export interface LegalHold {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  hold_id: string;
  period?: string;
  anchor?: string;
  scope?: string;
}

/** `module` is that of Decision (EU) 2021/914, 1 to 4. */
export interface MechanismAdopted {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  mechanism_id: string;
  tool: string;
  instrument?: string;
  module?: string | number;
  exporter_id: string;
  importer_id: string;
  countries?: ReadonlyArray<string>;
  concluded?: string;
}

/** Suspended, invalidated. */
export interface MechanismEnded {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  mechanism_id: string;
  tool?: string;
  instrument?: string;
  module?: string | number;
  exporter_id?: string;
  importer_id?: string;
  countries?: ReadonlyArray<string>;
  concluded?: string;
}

/** The notice reached these persons (Articles 13 and 14). */
export interface NoticeCommunicated {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  version?: string;
  audience?: string;
  effective_from?: string;
  digest?: string;
  material_for?: ReadonlyArray<string>;
}

export interface NoticePublished {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  version: string;
  effective_from: string;
  purposes: ReadonlyArray<PurposeBases>;
  audience?: string;
  digest?: string;
  material_for?: ReadonlyArray<string>;
}

export interface PartyRegistered {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  name?: string;
  role?: string;
  country?: string;
  countries?: ReadonlyArray<string>;
  regimes?: ReadonlyArray<string>;
  purposes?: ReadonlyArray<string>;
  contract?: string;
  reports?: boolean;
  attributes?: ReadonlyArray<Row>;
  party_id: string;
}

/** Persons who are not known by name: a data set and a predicate over it. */
export interface Population {
  dataset: string;
  record_count: number;
  predicate_digest?: string;
}

/** Concluded, ended (Article 28(3)). */
export interface ProcessingContract {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  contract: string;
  parties?: ReadonlyArray<string>;
}

export interface ProcessingContractConcluded {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  contract: string;
  parties: ReadonlyArray<string>;
}

/** One purpose of a notice with the legal bases that it names. */
export interface PurposeBases {
  key: string;
  bases: ReadonlyArray<string>;
}

/** Registered, changed, removed. */
export interface RecipientRegistered {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  name?: string;
  role?: string;
  country?: string;
  countries?: ReadonlyArray<string>;
  regimes?: ReadonlyArray<string>;
  purposes?: ReadonlyArray<string>;
  contract?: string;
  reports?: boolean;
  attributes?: ReadonlyArray<Row>;
  recipient_id: string;
}

/** Article 19. */
export interface RecipientTold {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  recipient_id: string;
  request_id?: string;
}

/** `recording.stopped` may leave out who was there; the others name the persons whom they are about. */
export interface Recording {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  recording_id: string;
  participants?: ReadonlyArray<string>;
  jurisdiction?: string;
}

/** Joined, left, asked to stop. */
export interface RecordingPresence {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  recording_id: string;
  participants: ReadonlyArray<string>;
  jurisdiction?: string;
}

export interface RecordingStarted {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  recording_id: string;
  participants?: ReadonlyArray<string>;
  jurisdiction: string;
}

/** Objections, restrictions, unsubscriptions, blocked accounts; `purpose` left out means every purpose. */
export interface RequestAboutPurpose {
  subjects: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  request_id?: string;
}

/** How long data of these categories is kept for a purpose, counted from the latest `anchor` event. */
export interface RetentionRule {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  period: string;
  anchor?: string;
  scope?: string;
}

export interface RightsReceived {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  request_id: string;
  right: string;
  told_complaint?: boolean;
  told_remedy?: boolean;
}

/** A step in the handling of a request; the right is known from its receipt. */
export interface RightsStep {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  request_id: string;
  right?: string;
  told_complaint?: boolean;
  told_remedy?: boolean;
}

/** One member of a map: its key, and a text, a number, a boolean, a list of texts, or a map as rows. */
export interface Row {
  key: string;
  value: string | number | boolean | ReadonlyArray<string | Row>;
}

export interface RowEnded {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  section: string;
  key: string;
}

export interface RowSet {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  section: string;
  key: string;
  row: ReadonlyArray<Row>;
}

/** Article 32. */
export interface SecurityMeasure {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  measure: string;
  scope?: string;
}

export interface ShareGranted {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  share_id: string;
  recipient_id: string;
  expires?: string;
}

export interface ShareRevoked {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  share_id: string;
  recipient_id?: string;
  expires?: string;
}

/** A source is alive, and what its events cover. */
export interface SourceHeartbeat {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  coverage?: Coverage;
}

/** `rotation` is how long a backup lives. */
export interface StoreRegistered {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  name?: string;
  role?: string;
  country?: string;
  countries?: ReadonlyArray<string>;
  regimes?: ReadonlyArray<string>;
  purposes?: ReadonlyArray<string>;
  contract?: string;
  reports?: boolean;
  attributes?: ReadonlyArray<Row>;
  store_id: string;
  backups?: ReadonlyArray<string>;
  rotation?: string;
}

/** Announced, objected to, authorised; without `controller_id` for every controller (Article 28(2), (4)). */
export interface Subprocessor {
  subjects?: ReadonlyArray<string>;
  population?: Population;
  chunk?: Chunk;
  subject_categories?: ReadonlyArray<string>;
  actor?: Actor;
  processing_role?: "controller" | "joint" | "processor";
  controller_id?: string;
  instruction_id?: string;
  purpose?: string;
  legal_basis?: string;
  special_basis?: string;
  law_ref?: string;
  data_categories?: ReadonlyArray<string>;
  reason_code?: string;
  justification?: string;
  notice_version?: string;
  case_id?: string;
  record_count?: number;
  source_ip?: string;
  source_country?: string;
  resource?: string;
  corrects?: Corrects;
  session_id?: string;
  assurance?: "imported" | "observed";
  valid_from?: string;
  valid_to?: string;
  subprocessor_id: string;
}

/** Every event that a service may publish. */
export type AccountabilityEvent =
  | CloudEvent<"org.accountability-ledger.data.collected.v1", DataCollected>
  | CloudEvent<"org.accountability-ledger.data.accessed.v1", DataAccessed>
  | CloudEvent<"org.accountability-ledger.data.anonymised.v1", DataAnonymised>
  | CloudEvent<"org.accountability-ledger.recording.started.v1", RecordingStarted>
  | CloudEvent<"org.accountability-ledger.recording.joined.v1", RecordingPresence>
  | CloudEvent<"org.accountability-ledger.recording.left.v1", RecordingPresence>
  | CloudEvent<"org.accountability-ledger.recording.stop_requested.v1", RecordingPresence>
  | CloudEvent<"org.accountability-ledger.recording.stopped.v1", Recording>
  | CloudEvent<"org.accountability-ledger.decision.automated.v1", DecisionAutomated>
  | CloudEvent<"org.accountability-ledger.data.disclosed.v1", DataDisclosed>
  | CloudEvent<"org.accountability-ledger.data.transferred.v1", DataTransferred>
  | CloudEvent<"org.accountability-ledger.share.granted.v1", ShareGranted>
  | CloudEvent<"org.accountability-ledger.share.revoked.v1", ShareRevoked>
  | CloudEvent<"org.accountability-ledger.authority.requested.v1", AuthorityRequested>
  | CloudEvent<"org.accountability-ledger.authority.answered.v1", AuthorityAnswered>
  | CloudEvent<"org.accountability-ledger.business_transfer.disclosed.v1", BusinessTransferDisclosed>
  | CloudEvent<"org.accountability-ledger.consent.requested.v1", ConsentChanged>
  | CloudEvent<"org.accountability-ledger.consent.refused.v1", ConsentChanged>
  | CloudEvent<"org.accountability-ledger.consent.withdrawn.v1", ConsentChanged>
  | CloudEvent<"org.accountability-ledger.consent.invalidated.v1", ConsentChanged>
  | CloudEvent<"org.accountability-ledger.consent.given.v1", ConsentGiven>
  | CloudEvent<"org.accountability-ledger.consent.renewed.v1", ConsentGiven>
  | CloudEvent<"org.accountability-ledger.objection.raised.v1", RequestAboutPurpose>
  | CloudEvent<"org.accountability-ledger.objection.upheld.v1", RequestAboutPurpose>
  | CloudEvent<"org.accountability-ledger.objection.overruled.v1", RequestAboutPurpose>
  | CloudEvent<"org.accountability-ledger.marketing.unsubscribed.v1", RequestAboutPurpose>
  | CloudEvent<"org.accountability-ledger.restriction.placed.v1", RequestAboutPurpose>
  | CloudEvent<"org.accountability-ledger.restriction.lifted.v1", RequestAboutPurpose>
  | CloudEvent<"org.accountability-ledger.account.blocked.v1", RequestAboutPurpose>
  | CloudEvent<"org.accountability-ledger.rights.received.v1", RightsReceived>
  | CloudEvent<"org.accountability-ledger.rights.identity_requested.v1", RightsStep>
  | CloudEvent<"org.accountability-ledger.rights.identity_verified.v1", RightsStep>
  | CloudEvent<"org.accountability-ledger.rights.clarification_requested.v1", RightsStep>
  | CloudEvent<"org.accountability-ledger.rights.clarified.v1", RightsStep>
  | CloudEvent<"org.accountability-ledger.rights.extended.v1", RightsStep>
  | CloudEvent<"org.accountability-ledger.rights.forwarded.v1", RightsStep>
  | CloudEvent<"org.accountability-ledger.rights.fulfilled.v1", RightsStep>
  | CloudEvent<"org.accountability-ledger.rights.declined.v1", RightsStep>
  | CloudEvent<"org.accountability-ledger.rights.withdrawn.v1", RightsStep>
  | CloudEvent<"org.accountability-ledger.erasure.executed.v1", Erasure>
  | CloudEvent<"org.accountability-ledger.erasure.failed.v1", Erasure>
  | CloudEvent<"org.accountability-ledger.erasure.acknowledged.v1", Erasure>
  | CloudEvent<"org.accountability-ledger.recipient.told.v1", RecipientTold>
  | CloudEvent<"org.accountability-ledger.rectification.executed.v1", Delivery>
  | CloudEvent<"org.accountability-ledger.portability.delivered.v1", Delivery>
  | CloudEvent<"org.accountability-ledger.identity.linked.v1", IdentityClaim>
  | CloudEvent<"org.accountability-ledger.identity.unlinked.v1", IdentityClaim>
  | CloudEvent<"org.accountability-ledger.child.detected.v1", Detection>
  | CloudEvent<"org.accountability-ledger.special_category.detected.v1", Detection>
  | CloudEvent<"org.accountability-ledger.complaint.received.v1", Complaint>
  | CloudEvent<"org.accountability-ledger.complaint.concluded.v1", Complaint>
  | CloudEvent<"org.accountability-ledger.breach.detected.v1", Breach>
  | CloudEvent<"org.accountability-ledger.breach.communicated.v1", Breach>
  | CloudEvent<"org.accountability-ledger.breach.concluded.v1", Breach>
  | CloudEvent<"org.accountability-ledger.breach.assessed.v1", BreachAssessed>
  | CloudEvent<"org.accountability-ledger.breach.notified.v1", BreachNotified>
  | CloudEvent<"org.accountability-ledger.legal_hold.placed.v1", LegalHold>
  | CloudEvent<"org.accountability-ledger.legal_hold.released.v1", LegalHold>
  | CloudEvent<"org.accountability-ledger.notice.communicated.v1", NoticeCommunicated>
  | CloudEvent<"org.accountability-ledger.notice.published.v1", NoticePublished>
  | CloudEvent<"org.accountability-ledger.party.registered.v1", PartyRegistered>
  | CloudEvent<"org.accountability-ledger.recipient.registered.v1", RecipientRegistered>
  | CloudEvent<"org.accountability-ledger.recipient.changed.v1", RecipientRegistered>
  | CloudEvent<"org.accountability-ledger.recipient.removed.v1", RecipientRegistered>
  | CloudEvent<"org.accountability-ledger.store.registered.v1", StoreRegistered>
  | CloudEvent<"org.accountability-ledger.importer.certified.v1", ImporterCertification>
  | CloudEvent<"org.accountability-ledger.importer.lapsed.v1", ImporterCertification>
  | CloudEvent<"org.accountability-ledger.mechanism.adopted.v1", MechanismAdopted>
  | CloudEvent<"org.accountability-ledger.mechanism.suspended.v1", MechanismEnded>
  | CloudEvent<"org.accountability-ledger.mechanism.invalidated.v1", MechanismEnded>
  | CloudEvent<"org.accountability-ledger.instruction.documented.v1", Instruction>
  | CloudEvent<"org.accountability-ledger.instruction.withdrawn.v1", Instruction>
  | CloudEvent<"org.accountability-ledger.processing_contract.concluded.v1", ProcessingContractConcluded>
  | CloudEvent<"org.accountability-ledger.processing_contract.ended.v1", ProcessingContract>
  | CloudEvent<"org.accountability-ledger.joint_arrangement.concluded.v1", JointArrangement>
  | CloudEvent<"org.accountability-ledger.subprocessor.announced.v1", Subprocessor>
  | CloudEvent<"org.accountability-ledger.subprocessor.objected.v1", Subprocessor>
  | CloudEvent<"org.accountability-ledger.subprocessor.authorised.v1", Subprocessor>
  | CloudEvent<"org.accountability-ledger.assessment.recorded.v1", AssessmentRecorded>
  | CloudEvent<"org.accountability-ledger.retention.rule_set.v1", RetentionRule>
  | CloudEvent<"org.accountability-ledger.security_measure.set.v1", SecurityMeasure>
  | CloudEvent<"org.accountability-ledger.source.heartbeat.v1", SourceHeartbeat>
  | CloudEvent<"org.accountability-ledger.import.declared.v1", ImportDeclared>
  | CloudEvent<"org.accountability-ledger.register.row_set.v1", RowSet>
  | CloudEvent<"org.accountability-ledger.register.row_ended.v1", RowEnded>;
