//! Keys without a master key: refused with a sentence, never half made.

use serde_json::json;

use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_master_key_there_are_no_keys() {
    let site = Site::start().await;
    let answer = site.get("/GetProtectionKeyId?contentKeyType=4").await.is(501);
    assert!(answer.message().contains("master key"), "{}", answer.message());
    let id = "nb:kid:UUID:00112233-4455-6677-8899-aabbccddeeff";
    let key = json!({ "Id": id, "ContentKeyType": "4", "ProtectionKeyType": "0", "ProtectionKeyId": "x", "EncryptedContentKey": "eA==" });
    site.post("/ContentKeys", key).await.is(501);
    site.get(&format!("/RebindContentKey?id='{id}'&x509Certificate=''")).await.is(404);
    site.post("/ContentKeys", json!({ "ContentKeyType": 4 })).await.is(400);
}
