//! Keys, and who has signed what, RFC 8945.

use hickory_server::proto::ProtoError;
use hickory_server::proto::rr::rdata::TSIG;
use hickory_server::proto::rr::rdata::tsig::{
    TsigAlgorithm, TsigError, make_tsig_record, signed_bitmessage_to_buf,
};
use hickory_server::proto::rr::{Name, Record, TSigner};
use std::fmt;

/// Seconds that the clocks of both sides may be apart, RFC 8945 section 10.
const FUDGE: u16 = 300;

/// A secret that two sides share, for HMAC-SHA256.
#[derive(Clone)]
pub struct Key(TSigner);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.signer_name())
    }
}

impl Key {
    /// Makes a key out of a name and octets; fails when the name is none.
    pub fn new(name: &str, secret: &[u8]) -> Result<Self, String> {
        let name = super::zone::absolute(name)?;
        TSigner::new(secret.to_vec(), TsigAlgorithm::HmacSha256, name, FUDGE)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    pub(super) fn signer(&self) -> &TSigner {
        &self.0
    }

    pub(super) fn is_named(&self, name: &Name) -> bool {
        self.0.signer_name() == name
    }
}

/// How the answer to a signed request is signed.
#[derive(Debug)]
pub(super) struct Stamp {
    name: Name,
    /// Everything but the MAC.
    blank: TSIG,
    /// The key and the MAC of the request; none where the request proved nothing.
    with: Option<(Key, Vec<u8>)>,
}

/// Checks the signature of a request, RFC 8945 section 5.2: the key, then the MAC, then the time.
///
/// Gives the key and the stamp for the answer, or the stamp that goes with NOTAUTH.
pub(super) fn check(
    keys: &[Key],
    request: &[u8],
    signature: &Record<TSIG>,
    now: u64,
) -> Result<(Key, Stamp), Box<Stamp>> {
    let tsig = &signature.data;
    let stamp = |error: Option<TsigError>, time: u64, with: Option<&Key>| {
        let late = error == Some(TsigError::BadTime);
        // The server's own time, in 48 bits, so that the other side can see how far it is off.
        let other = if late { now.to_be_bytes()[2..].to_vec() } else { Vec::new() };
        let (algorithm, oid) = (tsig.algorithm.clone(), tsig.oid);
        let blank = TSIG::new(algorithm, time, FUDGE, Vec::new(), oid, error, other);
        let with = with.map(|key| (key.clone(), tsig.mac.clone()));
        Stamp { name: signature.name.clone(), blank, with }
    };
    let known = |key: &&Key| key.is_named(&signature.name) && *key.0.algorithm() == tsig.algorithm;
    let Some(key) = keys.iter().find(known) else {
        return Err(Box::new(stamp(Some(TsigError::BadKey), now, None)));
    };
    let proven = signed_bitmessage_to_buf(request, None, true)
        .is_ok_and(|(signed, _)| key.0.verify(&signed, &tsig.mac).is_ok());
    if !proven {
        return Err(Box::new(stamp(Some(TsigError::BadSig), now, None)));
    }
    if tsig.time.abs_diff(now) > u64::from(tsig.fudge) {
        return Err(Box::new(stamp(Some(TsigError::BadTime), tsig.time, Some(key))));
    }
    Ok((key.clone(), stamp(None, now, Some(key))))
}

impl Stamp {
    /// Makes the record that ends an encoded answer.
    pub(super) fn record(self, answer: &[u8]) -> Result<Box<Record<TSIG>>, ProtoError> {
        let tsig = match &self.with {
            None => self.blank,
            Some((key, request)) => {
                let signed = key.0.encode_response_tbs(request, answer, &self.blank)?;
                let mac = key.0.sign(&signed).map_err(|error| error.to_string())?;
                self.blank.set_mac(mac)
            }
        };
        Ok(Box::new(make_tsig_record(self.name, tsig)))
    }
}
