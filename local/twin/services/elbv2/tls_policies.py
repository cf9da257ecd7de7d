"""The security policies of HTTPS listeners: protocols and ciphers, as AWS lists them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
"""

from dataclasses import dataclass

from twin.services.elbv2.models import Json

DEFAULT = "ELBSecurityPolicy-2016-08"
_TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_GCM = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
_CBC_SHA2 = (
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
)
_CBC_SHA1 = ("ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA")
_RSA = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA256", "AES256-SHA256")
_RSA_SHA1 = ("AES128-SHA", "AES256-SHA")
_VERSIONS = {"TLSv1": "TLSv1_0", "TLSv1.1": "TLSv1_1", "TLSv1.2": "TLSv1_2", "TLSv1.3": "TLSv1_3"}
# The TLS library inside Envoy has none of these: a client that offers nothing else is refused.
_NOT_IN_ENVOY = frozenset((*_CBC_SHA2, "AES128-SHA256", "AES256-SHA256", *_TLS13))


@dataclass(frozen=True)
class Policy:
    """protocols and ciphers in AWS's words and order."""

    protocols: tuple[str, ...]
    ciphers: tuple[str, ...]

    def envoy(self) -> Json:
        """The TLS parameters of a listener."""
        versions = [_VERSIONS[protocol] for protocol in self.protocols]
        ciphers = [cipher for cipher in self.ciphers if cipher not in _NOT_IN_ENVOY]
        parameters: Json = {
            "tls_minimum_protocol_version": min(versions),
            "tls_maximum_protocol_version": max(versions),
        }
        return parameters | ({"cipher_suites": ciphers} if ciphers else {})


_ALL_12 = (*_GCM[:2], *_CBC_SHA2[:2], *_CBC_SHA1[:2], *_GCM[2:], *_CBC_SHA2[2:], *_CBC_SHA1[2:], *_RSA, *_RSA_SHA1)
_FROM_10 = ("TLSv1", "TLSv1.1", "TLSv1.2")
POLICIES = {
    "ELBSecurityPolicy-TLS13-1-3-2021-06": Policy(("TLSv1.3",), _TLS13),
    "ELBSecurityPolicy-TLS13-1-2-2021-06": Policy(("TLSv1.2", "TLSv1.3"), (*_TLS13, *_GCM, *_CBC_SHA2)),
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06": Policy(("TLSv1.2", "TLSv1.3"), (*_TLS13, *_GCM)),
    "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06": Policy(("TLSv1.2", "TLSv1.3"), (*_TLS13, *_GCM, *_CBC_SHA2, *_RSA)),
    "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06": Policy(("TLSv1.2", "TLSv1.3"), (*_TLS13, *_ALL_12)),
    "ELBSecurityPolicy-TLS13-1-1-2021-06": Policy(("TLSv1.1", "TLSv1.2", "TLSv1.3"), (*_TLS13, *_ALL_12)),
    "ELBSecurityPolicy-TLS13-1-0-2021-06": Policy((*_FROM_10, "TLSv1.3"), (*_TLS13, *_ALL_12)),
    "ELBSecurityPolicy-FS-1-2-Res-2020-10": Policy(("TLSv1.2",), _GCM),
    "ELBSecurityPolicy-FS-1-2-Res-2019-08": Policy(("TLSv1.2",), (*_GCM, *_CBC_SHA2)),
    "ELBSecurityPolicy-FS-1-2-2019-08": Policy(("TLSv1.2",), (*_GCM, *_CBC_SHA2, *_CBC_SHA1)),
    "ELBSecurityPolicy-FS-1-1-2019-08": Policy(("TLSv1.1", "TLSv1.2"), (*_GCM, *_CBC_SHA2, *_CBC_SHA1)),
    "ELBSecurityPolicy-FS-2018-06": Policy(_FROM_10, (*_GCM, *_CBC_SHA2, *_CBC_SHA1)),
    "ELBSecurityPolicy-TLS-1-2-Ext-2018-06": Policy(("TLSv1.2",), _ALL_12),
    "ELBSecurityPolicy-TLS-1-2-2017-01": Policy(("TLSv1.2",), (*_GCM, *_CBC_SHA2, *_RSA)),
    "ELBSecurityPolicy-TLS-1-1-2017-01": Policy(("TLSv1.1", "TLSv1.2"), _ALL_12),
    DEFAULT: Policy(_FROM_10, _ALL_12),
}
