import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;

/** Reads both topics as a Java node does, whatever the tag, and says of each body what it is, or that a Java node would choke on it. */
public class Strict {
    public static void main(String[] args) throws Exception {
        for (String topic : new String[] {"SINGLE", "GROUP"}) {
            DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("strict-" + topic);
            consumer.setNamesrvAddr(args[0]);
            consumer.setInstanceName(topic);
            consumer.setMessageModel(MessageModel.BROADCASTING);
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
            consumer.subscribe(topic, "*");
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                messages.forEach(Strict::show);
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            consumer.start();
        }
        System.out.println("READY");
        Thread.currentThread().join();
    }

    private static synchronized void show(MessageExt message) {
        String line;
        try {
            line = message.getTopic() + ":" + message.getTags() + "\t" + read(message.getBody());
        } catch (Exception wrong) {
            line = "REFUSED " + wrong + " in " + new String(message.getBody());
        }
        System.out.println(line);
    }

    /** Stricter than the Java service: nothing is turned into a number or a text that is not one. */
    private static String read(byte[] body) throws Exception {
        Long from = null;
        Long to = null;
        Long time = null;
        Long msgType = null;
        String content = null;
        try (JsonParser parser = new JsonFactory().createParser(body)) {
            require(parser.nextToken() == JsonToken.START_OBJECT, "not an object");
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case "content" -> {
                        require(parser.currentToken() == JsonToken.VALUE_STRING, "content is no string");
                        content = parser.getText();
                    }
                    case "from" -> from = integer(parser);
                    case "msgType" -> msgType = integer(parser);
                    case "time" -> time = integer(parser);
                    case "to" -> to = integer(parser);
                    default -> parser.skipChildren();
                }
            }
            require(parser.nextToken() == null, "something behind the object");
        }
        require(content != null && from != null && msgType != null && time != null && to != null, "a field is missing");
        return String.join("\t", msgType.toString(), from.toString(), to.toString(), content);
    }

    private static long integer(JsonParser parser) throws Exception {
        require(parser.currentToken() == JsonToken.VALUE_NUMBER_INT, parser.currentName() + " is no integer");
        // Fails beyond 64 bits.
        return parser.getLongValue();
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalArgumentException(what);
        }
    }
}
