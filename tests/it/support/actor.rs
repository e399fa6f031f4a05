use serde_json::{Value, json};

/// Somebody at a keyboard: sends documents, reads answers.
#[derive(Clone)]
pub struct Actor {
    pub client: reqwest::Client,
    pub url: String,
    pub token: Option<String>,
}

/// An answer of the API.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Actor {
    pub fn new(url: &str, token: Option<String>) -> Self {
        Self { client: reqwest::Client::builder().no_proxy().build().unwrap(), url: url.to_owned(), token }
    }

    /// A POST to the API, with the token if there is one.
    pub fn post(&self) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}/graphql", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a document.
    pub async fn ask(&self, query: &str) -> Answer {
        self.ask_with(query, json!({})).await
    }

    /// Sends a document with variables.
    pub async fn ask_with(&self, query: &str, variables: Value) -> Answer {
        let body = json!({ "query": query, "variables": variables });
        let response = self.post().json(&body).send().await.unwrap();
        Answer { status: response.status().as_u16(), body: response.json().await.unwrap() }
    }

    /// Runs a mutation with one `input`. `selection` is what the payload shows beside user errors.
    pub async fn send(&self, name: &str, input: Value, selection: &str) -> Answer {
        let mut kind = name.to_owned();
        kind[..1].make_ascii_uppercase();
        let query = format!(
            "mutation($input: {kind}Input!) {{ {name}(input: $input) {{ {selection} userErrors {{ code field message }} }} }}"
        );
        self.ask_with(&query, json!({ "input": input })).await
    }

    /// Runs a mutation that nothing refuses, and gives its payload.
    pub async fn mutate(&self, name: &str, input: Value, selection: &str) -> Value {
        self.send(name, input, selection).await.data()[name].clone()
    }

    /// Creates a patient as an administrator and gives the id.
    pub async fn patient(&self, mrn: &str) -> String {
        let input = json!({ "mrn": mrn, "firstName": "Pat", "lastName": format!("Patient {mrn}"), "dateOfBirth": "1980-02-29",
            "room": "1A", "contactPhone": "+44 20 7946 0000", "contactEmail": "family@example.org" });
        let payload = self.mutate("createPatient", input, "patient { id }").await;
        payload["patient"]["id"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()
    }

    /// Creates a patient as an administrator, restricts the record and gives the id.
    pub async fn restricted(&self, mrn: &str) -> String {
        let id = self.patient(mrn).await;
        let input = json!({ "id": id, "reason": "A colleague" });
        self.mutate("restrictPatient", input, "patient { id }").await;
        id
    }

    /// Opens a restricted record as a clinician.
    pub async fn break_glass(&self, patient: &str) {
        let input = json!({ "patientId": patient, "reason": "Found unconscious" });
        let payload = self.mutate("breakGlass", input, "__typename").await;
        assert_eq!(user_errors(&payload), [], "{payload}");
    }

    /// Makes a partner key as an administrator and gives the actor who uses it.
    pub async fn partner_key(&self, permissions: Value) -> Self {
        let input = json!({ "name": "Registry", "permissions": permissions, "expiresAt": "2026-12-31T00:00:00Z" });
        let payload = self.mutate("createPartnerKey", input, "key").await;
        let key = payload["key"].as_str().unwrap_or_else(|| panic!("{payload}"));
        Self { token: Some(key.to_owned()), ..self.clone() }
    }

    /// Records a task log as a clinician and gives the id.
    pub async fn task_log(&self, patient: &str, description: &str) -> String {
        let input = json!({ "patientId": patient, "taskType": "VITALS", "description": description });
        let payload = self.mutate("createTaskLog", input, "taskLog { id }").await;
        payload["taskLog"]["id"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()
    }
}

impl Answer {
    /// The data of an answer without errors.
    #[track_caller]
    pub fn data(&self) -> &Value {
        assert_eq!(self.body.get("errors"), None, "{}", self.body);
        &self.body["data"]
    }

    /// The code of the only error.
    #[track_caller]
    pub fn code(&self) -> &str {
        let errors = self.body["errors"].as_array().unwrap_or_else(|| panic!("no error in {}", self.body));
        assert_eq!(errors.len(), 1, "{}", self.body);
        errors[0]["extensions"]["code"].as_str().unwrap()
    }

    /// Path and needed permission of each refusal.
    pub fn refusals(&self) -> Vec<(String, String)> {
        let path = |error: &Value| {
            let parts = error["path"].as_array().cloned().unwrap_or_default();
            parts.iter().map(|part| part.to_string().replace('"', "")).collect::<Vec<_>>().join(".")
        };
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| (path(error), error["extensions"]["needs"].as_str().unwrap_or("").to_owned()))
            .collect()
    }
}

/// Field and code of each user error of a payload.
#[track_caller]
pub fn user_errors(payload: &Value) -> Vec<(String, String)> {
    let errors = payload["userErrors"].as_array().unwrap_or_else(|| panic!("no payload: {payload}"));
    let path = |error: &Value| {
        error["field"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join(".")
    };
    errors.iter().map(|error| (path(error), error["code"].as_str().unwrap().to_owned())).collect()
}

/// `input` with these fields set.
pub fn with(input: &Value, fields: Value) -> Value {
    let mut changed = input.clone();
    changed.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    changed
}
