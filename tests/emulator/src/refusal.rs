//! Why a call is refused, and how each protocol says so.

use serde_json::json;

use crate::http::Response;
use crate::xml::Xml;

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// EC2's own XML.
    Ec2,
    /// The XML of the other Query services: STS, Auto Scaling.
    Query,
    /// JSON 1.1, with the action in `X-Amz-Target`: Systems Manager.
    Json,
}

/// A refusal in AWS's words.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl Refusal {
    /// Returns a refusal with the status that AWS sends with this code.
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        let code = code.into();
        Self { status: status_of(&code), code, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    pub(crate) fn combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    /// Returns the answer that says it.
    pub(crate) fn response(&self, protocol: Protocol, request_id: &str) -> Response {
        let mut xml = Xml::default();
        let error = |xml: &mut Xml| {
            xml.leaf("Code", &self.code).leaf("Message", &self.message);
        };
        let body = match protocol {
            Protocol::Json => {
                let body = json!({"__type": self.code, "message": self.message});
                return Response::text(self.status, "application/x-amz-json-1.1", body.to_string());
            }
            Protocol::Ec2 => xml.element("Response", |xml| {
                xml.element("Errors", |xml| {
                    xml.element("Error", error);
                });
                xml.leaf("RequestID", request_id);
            }),
            Protocol::Query => xml.element("ErrorResponse", |xml| {
                xml.element("Error", |xml| {
                    xml.leaf("Type", if self.status < 500 { "Sender" } else { "Receiver" });
                    error(xml);
                });
                xml.leaf("RequestId", request_id);
            }),
        };
        let body = format!("{HEADER}{}", std::mem::take(body).into_text());
        Response::text(self.status, "text/xml;charset=UTF-8", body)
    }
}

pub(crate) const HEADER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Capacity errors are HTTP 500 in EC2, throttling is 503 (`aws-semantics.md` sections 8 and 10).
pub(crate) fn status_of(code: &str) -> u16 {
    match code {
        "InternalError"
        | "InternalFailure"
        | "ServerInternal"
        | "InsufficientInstanceCapacity"
        | "InsufficientCapacity"
        | "InsufficientHostCapacity"
        | "InsufficientReservedInstanceCapacity"
        | "InsufficientCapacityOnHost"
        | "InsufficientVolumeCapacity"
        | "InsufficientAddressCapacity"
        | "ResourceContention"
        | "ServiceLinkedRoleFailure" => 500,
        "RequestLimitExceeded" | "BandwidthLimitExceeded" | "Unavailable" | "ServiceUnavailable" => 503,
        "AuthFailure" => 401,
        "UnauthorizedOperation"
        | "AccessDenied"
        | "MissingAuthenticationToken"
        | "SignatureDoesNotMatch"
        | "InvalidClientTokenId"
        | "OptInRequired"
        | "PendingVerification"
        | "Blocked" => 403,
        "DryRunOperation" => 412,
        _ => 400,
    }
}

/// What AWS says with a code, where a test gives no words of its own.
pub(crate) fn words_of(code: &str) -> &'static str {
    match code {
        "RequestLimitExceeded" => "Request limit exceeded.",
        "InternalError" => "An internal error has occurred",
        "Unavailable" | "ServiceUnavailable" => "The service is unavailable. Please try again shortly.",
        "InsufficientInstanceCapacity" => {
            "We currently do not have sufficient capacity in the Availability Zone you requested."
        }
        "UnauthorizedOperation" => {
            "You are not authorized to perform this operation. Encoded authorization failure message: b64-emulated"
        }
        "RequestExpired" => "Request has expired.",
        _ => "The emulator was told to refuse this.",
    }
}
